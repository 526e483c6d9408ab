/*
 * Whether what this program is about to execute is out of the library's reach: a static or Go
 * program, or an environment without the library. Then a supervisor is started with it
 * (supervisor/main.c, "adopt"), which keeps the pid and leaves everything else as it is.
 */
#ifndef STYXY_REACH_H
#define STYXY_REACH_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the file that is about to be executed with this environment wants a supervisor. */
bool reach_needs_supervisor(const char *path, char *const environment[]);

/*
 * The first executable file of this name on PATH, as execvp(3) finds it; false where none is.
 * `reach_path_room` tells how long its path may be.
 */
bool reach_find(const char *name, char *path, size_t room);
size_t reach_path_room(const char *name);

/*
 * Write the command that becomes `path` with a supervisor; its program. `reach_command_room` tells
 * how many words the command has at most, 0 where these cannot be passed on.
 */
const char *reach_command(const char *path, char *const words[], const char **command);
size_t reach_command_room(char *const words[]);

#endif
