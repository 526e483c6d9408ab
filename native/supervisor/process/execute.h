/*
 * Executing the program past the preload library, which may be in this process, too, and would
 * start another supervisor.
 */
#ifndef STYXY_EXECUTE_H
#define STYXY_EXECUTE_H

/* Become a program: a path, or a name as execvp(3) finds it. Returns only where that fails. */
void execute_path(const char *path, char **words);
void execute_name(char **words);

#endif
