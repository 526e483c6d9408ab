/*
 * styxy-seccomp: the second backend of interception, for programs that a preload library does not
 * reach: static and Go programs, and those with a cleared environment. It performs their calls in a
 * process of its own, by seccomp user notification (docs/interception-backends.md).
 *
 *   styxy-seccomp run -- CMD ...
 *       Start CMD below a supervisor, and end as CMD ends.
 *
 *   styxy-seccomp adopt HOME SOCKET PATH NAME ARG ...
 *       Become PATH, with a supervisor beside it. HOME and SOCKET are STYXY_HOME and STYXY_SOCKET,
 *       by which the supervisor finds the daemon if the environment does not name them any more.
 *
 *   styxy-seccomp replace HOME SOCKET PATH NAME ARG ...
 *       The same, and where the supervisor works, PATH is without the preload library: it would see
 *       a part of the calls.
 *
 *   styxy-seccomp probe
 *       Exit with 0 where a supervisor works, with 16 (EBUSY) below a supervisor, and otherwise
 *       with the errno of what failed.
 */
#include "supervisor/process/filter.h"
#include "supervisor/process/launch.h"

#include <stdio.h>
#include <string.h>

enum { WRONG_USE = 2 };

int main(int count, char **words)
{
    if (count >= 4 && strcmp(words[1], "run") == 0 && strcmp(words[2], "--") == 0)
        return launch_run(words + 3);
    bool replaces = count >= 6 && strcmp(words[1], "replace") == 0;
    if (replaces || (count >= 6 && strcmp(words[1], "adopt") == 0))
        return launch_adopt(&(struct adoption){.home = words[2],
                                               .socket = words[3],
                                               .path = words[4],
                                               .words = words + 5,
                                               .replaces_library = replaces});
    if (count == 2 && strcmp(words[1], "probe") == 0)
        return filter_try();
    fputs("styxy-seccomp is started by `styxy run`; try: styxy run -- CMD\n", stderr);
    return WRONG_USE;
}
