/*
 * What a program file is made of, as far as it matters who reaches its calls (elf(5)):
 * `styxy.client.program` looks for the same.
 */
#ifndef STYXY_ELF_KIND_H
#define STYXY_ELF_KIND_H

#include <stdbool.h>
#include <stddef.h>

enum elf_kind {
    ELF_KIND_OTHER,   /* unreadable, of another machine, or no program that we know */
    ELF_KIND_DYNAMIC, /* a preload library reaches it */
    ELF_KIND_STATIC,  /* no interpreter */
    ELF_KIND_GO,      /* calls the kernel without libc, dynamic or not */
    ELF_KIND_SCRIPT,  /* its interpreter counts */
};

/* Look at an open file. */
enum elf_kind elf_kind_of(int fd);

/*
 * Copy the path of a script's interpreter, as execve(2) reads it; false where there is none that
 * fits.
 */
bool elf_kind_interpreter(int fd, char *path, size_t room);

#endif
