/* How a tree begins: filter, supervisor, keeper, and the program in the midst of them. */
#ifndef STYXY_LAUNCH_H
#define STYXY_LAUNCH_H

/* Start a program as a child and stand for it; its exit status. */
int launch_run(char **words);

struct adoption {
    const char *home, *socket; /* where the daemon is; "" = as the environment says */
    const char *path;
    char **words;
};

/*
 * Become a program, which goes on with this pid, and have a supervisor beside it. Comes back with
 * an exit status only where the program cannot be executed.
 */
int launch_adopt(const struct adoption *adoption);

#endif
