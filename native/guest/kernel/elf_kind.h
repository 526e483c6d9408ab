/*
 * What kind of program a file is, as far as it matters whether a preload library reaches its calls
 * (elf(5)). The client decides by the same rules.
 */
#ifndef STYXY_ELF_KIND_H
#define STYXY_ELF_KIND_H

#include <stdbool.h>
#include <stddef.h>

enum elf_kind {
    ELF_KIND_OTHER,   /* unreadable, for another machine, or of an unknown kind */
    ELF_KIND_DYNAMIC, /* a preload library reaches it */
    ELF_KIND_STATIC,  /* no interpreter */
    ELF_KIND_GO,      /* calls the kernel without libc, dynamic or not */
    ELF_KIND_SCRIPT,  /* its interpreter counts */
};

/* The kind of an open file. */
enum elf_kind elf_kind_of(int fd);

/*
 * Whether the program of a path loads its extensions with RTLD_DEEPBIND (dlopen(3)), so that what
 * they call is libc's own, whatever is preloaded: PHP, with or without a version in its name.
 */
bool elf_kind_is_deaf(const char *path);

/*
 * Whether the program of a path, where root starts it, becomes another user before it binds, who
 * may neither read the daemon's files nor ask it.
 */
bool elf_kind_leaves_root(const char *path);

/* Copy the path of a script's interpreter, as execve(2) reads it; false where none fits. */
bool elf_kind_interpreter(int fd, char *path, size_t room);

#endif
