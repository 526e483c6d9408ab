/* What /proc tells of a program: its environment at exec, its directory, the supervisor's own. */
#ifndef STYXY_SURROUNDINGS_H
#define STYXY_SURROUNDINGS_H

#include <stdbool.h>
#include <stddef.h>

struct surroundings {
    char *texts;           /* one allocation: directory, home, then the environment */
    const char *directory; /* canonical; "" where unknown */
    const char *home;      /* STYXY_HOME or its default, absolute; "" where unknown */
    const char *environment;
    size_t length;
};

/* Read them; false where they cannot be read. `texts` is the caller's to free. */
bool surroundings_read(int pid, struct surroundings *around);

/* The value of a variable; "" where it is not set. */
const char *surroundings_get(const struct surroundings *around, const char *name);

/* The same, or what the supervisor itself was started with: `env -i` clears ours with the rest. */
const char *surroundings_setting(const struct surroundings *around, const char *name);

/* Whether the preload library is mapped into a process. */
bool surroundings_has_library(int pid);

#endif
