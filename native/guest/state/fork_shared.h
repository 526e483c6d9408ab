/*
 * What a program shares with its forked children: one piece of memory, made before the program runs,
 * for servers fork first and bind then.
 *
 * It costs each program two microseconds and, until something is bound, no memory. Where it could
 * not be made, each process has its own, and its children a copy.
 */
#ifndef STYXY_KIN_H
#define STYXY_KIN_H

#include <stdatomic.h>
#include <stdint.h>

enum { KIN_SOCKETS = 128, KIN_TOLD = 256 };

struct kin_socket {
    _Atomic uint64_t cookie;
    _Atomic uint32_t place; /* memory.c */
};

struct kin {
    struct kin_socket sockets[KIN_SOCKETS]; /* bound by one of these processes */
    atomic_uint next_socket;
    _Atomic uint64_t told[KIN_TOLD]; /* the moves that the user has been told of: told.c */
};

void kin_prepare(void);

struct kin *kin_memory(void);

#endif
