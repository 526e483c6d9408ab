/* What /proc says of a program: its environment at exec, its directory, and what it has mapped. */
#ifndef STYXY_PROC_ENVIRON_H
#define STYXY_PROC_ENVIRON_H

#include <stdbool.h>
#include <stddef.h>

struct proc_environ {
    char *bytes;             /* one allocation: directory, scratch, then the variables */
    const char *directory;   /* canonical; "" where unknown */
    char *scratch;           /* IMAGE_PATH bytes for whoever makes another text of them */
    const char *variables;   /* NAME=VALUE, each with its NUL */
    size_t length;
    bool is_another_users;   /* it has another effective user than the supervisor */
};

/* Read it; false where it cannot be read. `bytes` is the caller's to free. */
bool proc_environ_read(int pid, struct proc_environ *environment);

/* The value of a variable; "" where it is not set. */
const char *proc_environ_get(const struct proc_environ *environment, const char *name);

/*
 * The same, or what the supervisor itself was started with: `env -i` clears ours with the rest. Of
 * another user's program only the latter: root's supervisor would write the log that it names, and
 * believe the daemon that it names.
 */
const char *proc_environ_get_or_ours(const struct proc_environ *environment, const char *name);

/* Whether the preload library is mapped into a process. */
bool proc_environ_has_library(int pid);

#endif
