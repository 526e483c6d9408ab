/*
 * What a program shares with its forked children: the sockets that any of them bound, and the moves
 * that the user has had a notice of.
 *
 * It is one piece of shared memory, mapped before the first fork, because servers fork first and
 * bind then, and not before that, because it costs as much as all else that is done for a program
 * at its start, and nearly none forks. Where it could not be mapped, or where a program forked by a
 * system call of its own (clone(2)), each process has memory of its own, and its children a copy.
 *
 * Lock-free, because fork can leave a lock behind that nobody holds any more. The table of sockets
 * is a hint: the oldest entry gives way, and a reader that meets a writer misses one entry at most.
 */
#ifndef STYXY_FORK_SHARED_H
#define STYXY_FORK_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SHARED_SOCKETS = 128, SHARED_NOTICES = 256 };

struct shared_socket {
    _Atomic uint64_t cookie;
    _Atomic uint32_t place; /* protocol and port: fork_shared.c */
};

struct fork_shared {
    struct shared_socket sockets[SHARED_SOCKETS]; /* bound by one of these processes */
    atomic_uint next_socket;
    _Atomic uint64_t notices[SHARED_NOTICES]; /* of moves: notice_once.c */
};

/*
 * Map the memory, with what this process knows by now; called before each fork. What another thread
 * adds at that moment is missing there.
 */
void fork_shared_prepare(void);

struct fork_shared *fork_shared_memory(void);

/*
 * Remember that a socket is this program's own, by the cookie that sock_diag(7) shows too. This
 * happens before the bind, because another process of the program may meet the socket at once. Drop
 * a socket whose bind failed.
 */
void fork_shared_add_socket(uint64_t cookie, uint16_t port, bool is_udp);
void fork_shared_drop_socket(uint64_t cookie);
bool fork_shared_has_socket(uint64_t cookie);

/* Whether this program has ever bound a socket to a port; it may be closed by now. */
bool fork_shared_has_bound(uint16_t port, bool is_udp);

#endif
