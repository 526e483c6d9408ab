/*
 * What this server has bound, kept in two small tables that exec forgets. The sockets are those of
 * all its processes (kin.h); the moves those of this one and, as they were at the fork, of the
 * ones that it comes from.
 *
 * Lock-free, because a lock could be held by a thread that fork leaves behind. The tables are
 * hints: the oldest entry gives way, and a reader that meets a writer misses an entry at most.
 */
#ifndef STYXY_MEMORY_H
#define STYXY_MEMORY_H

#include "guest/daemon/wire.h"

/*
 * Remember that a socket is this server's own, by the cookie that sock_diag shows too; before it is
 * bound, for another process of the server may meet it at once. Forget one that could not be.
 */
void memory_add_socket(uint64_t cookie, uint16_t port, bool is_udp);
void memory_drop_socket(uint64_t cookie);
bool memory_has_socket(uint64_t cookie);

/* Whether this server has ever bound a socket to a port; it may be closed by now. */
bool memory_has_bound(uint16_t port, bool is_udp);

/* Remember that `asked` became what the answer says. */
void memory_add_move(uint16_t asked, bool is_udp, const struct answer *answer);
bool memory_was_moved(uint16_t asked, bool is_udp);
bool memory_has_moves(void);

/* The port that was asked for where `got` was given; 0 where `got` is no moved port. */
uint16_t memory_asked_for(uint16_t got, bool is_udp);

/* Whether it is known what the daemon said when it gave `got`. */
bool memory_recall(uint16_t got, bool is_udp, struct answer *answer);

#endif
