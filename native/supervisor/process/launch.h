/* How a tree begins: filter, supervisor, standby, and the program among them. */
#ifndef STYXY_LAUNCH_H
#define STYXY_LAUNCH_H

#include <stdbool.h>

/* Start a program as a child and stand in for it; its exit status. */
int launch_run(char **words);

struct adoption {
    const char *home, *socket; /* where the daemon is; "" = as the environment says */
    const char *path;
    char **words;
    bool replaces_library; /* the program is not to have it where there is a supervisor */
};

/*
 * Become a program, which goes on with this pid, and have a supervisor beside it. Returns an exit
 * status, and only where the program cannot be executed.
 */
int launch_adopt(const struct adoption *adoption);

#endif
