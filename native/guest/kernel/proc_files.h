/* What the kernel tells of a process in files that have no other name: proc(5). */
#ifndef STYXY_PROC_FILES_H
#define STYXY_PROC_FILES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Write the canonical path of a directory, as the kernel names an open descriptor of it; false
 * where there is no such directory, or its path does not fit.
 */
bool proc_canonical_path(const char *path, char *out, size_t room);

/*
 * Read the command line of a process (0 = this one), each word with its NUL; its length, at most
 * `room`, and 0 where it cannot be had.
 */
size_t proc_command_line(int pid, char *into, size_t room);

/* Write the path of the program that this is; its length, 0 where it is not known. */
size_t proc_own_path(char *out, size_t room);

#endif
