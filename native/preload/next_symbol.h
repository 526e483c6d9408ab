/*
 * Finding what other libraries define: what dlsym(3) does with RTLD_NEXT, and without dlsym.
 *
 * dlsym moved from libdl to libc in glibc 2.34, and a library that was linked with a newer glibc
 * asks for it under that version: a program that brings an older glibc (AppImage, Nix, Steam) would
 * not start. dl_iterate_phdr(3) has been in libc, in glibc's and in musl's, all the time.
 */
#ifndef STYXY_NEXT_SYMBOL_H
#define STYXY_NEXT_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wanted_symbol {
    const char *name;
    void *address; /* NULL = not found yet */
    uint32_t hash; /* made by the search: of the name, as most libraries' tables have it */
};

/* Find in the libraries that come behind this one what has not been found yet. */
void next_symbol_find_behind(struct wanted_symbol *wanted, size_t count);

/* Find it in any other library: this one was opened late, and nothing comes behind it. */
void next_symbol_find_elsewhere(struct wanted_symbol *wanted, size_t count);

#endif
