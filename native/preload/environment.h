/*
 * The environment that a program is executed with.
 *
 * All this may run between vfork and exec, in the memory of the parent, so it writes to nothing but
 * what the caller has on its stack.
 */
#ifndef STYXY_ENVIRONMENT_H
#define STYXY_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether an array can be read up to its NULL. The strings are trusted, as libc trusts them. */
bool environment_is_list(char *const list[]);

/* The value of a variable; "" where it is unset. */
const char *environment_get(char *const environment[], const char *name);

/* Whether the library is to be loaded into a program with this environment. */
bool environment_has_library(char *const environment[]);

/*
 * An environment without the library, where the program cannot read that: root's, once it has become
 * another user, as su(1) does, or has changed its root directory. The dynamic linker would print an
 * error for each program, and the daemon is not that user's either.
 */
struct environment_room {
    size_t entries, bytes; /* what a copy takes; of one each where the environment may stay */
};
struct environment_room environment_room(char *const environment[]);
char *const *environment_readable(char *const environment[], const struct environment_room *room,
                                  char **entries, char *bytes);

#endif
