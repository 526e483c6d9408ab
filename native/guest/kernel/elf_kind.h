/*
 * What a program file is made of, as far as it matters who reaches its calls (elf(5)):
 * `styxy.client.program` looks for the same.
 */
#ifndef STYXY_LOOK_H
#define STYXY_LOOK_H

#include <stdbool.h>
#include <stddef.h>

enum look {
    LOOK_OTHER,   /* unreadable, of another machine, or no program that we know */
    LOOK_DYNAMIC, /* a preload library reaches it */
    LOOK_STATIC,  /* no interpreter */
    LOOK_GO,      /* calls the kernel without libc, dynamic or not */
    LOOK_SCRIPT,  /* its interpreter counts */
};

/* Look at an open file. */
enum look look_at(int fd);

/*
 * Copy the path of a script's interpreter, as execve(2) reads it; false where there is none that
 * fits.
 */
bool look_interpreter(int fd, char *path, size_t room);

#endif
