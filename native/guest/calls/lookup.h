/*
 * Who would get a connection to a local address, and who holds a port? The kernel itself is asked,
 * by sock_diag(7): diag.h. Opening a socket for that costs 6 microseconds.
 */
#ifndef STYXY_LOOKUP_H
#define STYXY_LOOKUP_H

#include "guest/kernel/address.h"
#include "guest/kernel/diag.h"

/*
 * Whether this very socket answers there, or, where several share a port by SO_REUSEPORT, listens
 * beside the one that does.
 */
bool lookup_is_answering(int diag, const uint8_t address[16], bool is_v4, uint16_t port,
                         uint64_t cookie);

/* Whether this very UDP socket is bound to the port. */
bool lookup_is_bound_udp(int diag, uint16_t port, uint64_t cookie);

/*
 * Whether a server that is not this program's own listens on the target's port at one of `places`
 * (address.h). False, too, where the kernel cannot be asked.
 */
bool lookup_finds_foreign(const struct target *target, unsigned places);

/*
 * Whether a port on which nobody listens is held by connections and by no bound socket: what is
 * left of a server that has ended. A bound socket may belong to somebody who is about to listen.
 * Linux shows bound sockets since 6.8; before, only the connections count. It searches the whole
 * table, for the rare case: 0.8 milliseconds where the table has 262,144 buckets.
 */
bool lookup_finds_connections_alone(uint16_t port);

/*
 * Whether a port is held by sockets of this program and by no others, listening or (since Linux
 * 6.8) bound. A search, too.
 */
bool lookup_finds_own_alone(uint16_t port, bool is_udp);

#endif
