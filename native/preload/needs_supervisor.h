/*
 * Whether the library cannot reach what this program is about to execute: a static or Go program,
 * one that loads its extensions past the library, or an environment without the library. Such a program is started with a supervisor (`adopt` in
 * supervisor/main.c), which keeps the pid and leaves everything else as it is.
 */
#ifndef STYXY_NEEDS_SUPERVISOR_H
#define STYXY_NEEDS_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the file that is about to be executed with this environment needs a supervisor, and as
 * what: BESIDE whatever the environment has, or INSTEAD of the library, which sees a part of the
 * program's calls: where the supervisor works, the library is not loaded.
 */
enum supervised { SUPERVISED_NOT, SUPERVISED_BESIDE, SUPERVISED_INSTEAD };
enum supervised needs_supervisor(const char *path, char *const environment[]);

/*
 * Whether a debugger traces this process. It counts the programs that its shell executes, and takes
 * the supervisor for the one that it is to stop in.
 */
bool needs_supervisor_is_debugged(void);

/*
 * Find the first executable file of this name on PATH, as execvp(3) does; false where there is
 * none. `needs_supervisor_path_size` says how long its path may be.
 */
bool needs_supervisor_search_path(const char *name, char *path, size_t room);
size_t needs_supervisor_path_size(const char *name);

/*
 * Write the command that becomes `path` with a supervisor, and return its program.
 * `needs_supervisor_command_size` says how many words the command has at most; 0 where these words
 * cannot be passed on.
 */
const char *needs_supervisor_command(enum supervised how, const char *path, char *const words[],
                                     const char **command);
size_t needs_supervisor_command_size(char *const words[]);

#endif
