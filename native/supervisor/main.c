/*
 * styxy-seccomp: the second way of interception, for programs that a preload library does not
 * reach (spec 5.4).
 *
 *   styxy-seccomp run -- CMD ...             start CMD below a supervisor; ends as CMD ends
 *   styxy-seccomp adopt HOME SOCKET PATH NAME ARG ...
 *                                            become PATH, with a supervisor beside it, which finds
 *                                            the daemon by STYXY_HOME and STYXY_SOCKET, should the
 *                                            environment not name them any more
 *   styxy-seccomp probe                      0: it works here; 16: we are below a supervisor
 *                                            already (EBUSY); else the errno of what failed
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
    if (count >= 6 && strcmp(words[1], "adopt") == 0)
        return launch_adopt(&(struct adoption){.home = words[2],
                                               .socket = words[3],
                                               .path = words[4],
                                               .words = words + 5});
    if (count == 2 && strcmp(words[1], "probe") == 0)
        return filter_try();
    fputs("styxy-seccomp is started by `styxy run`; try: styxy run -- CMD\n", stderr);
    return WRONG_USE;
}
