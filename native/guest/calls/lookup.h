/*
 * Who would get a connection to a local address, and who holds a port? Asked of the kernel itself,
 * by sock_diag(7): diag.h. A diag costs a guest 6 microseconds.
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

/*
 * Whether a server that is not this program's own listens on the target's port at one of `places`
 * (policy.h). No, too, where the kernel cannot be asked.
 */
bool lookup_finds_foreign(const struct target *target, unsigned places);

/*
 * Whether a port on which nobody listens is held by connections and by no bound socket: what is
 * left of a server that has ended. A bound socket may be somebody's who is about to listen. Linux
 * shows bound sockets since 6.8; before, this tells of the connections alone. A search of the whole
 * table, for the rare case: 0.8 milliseconds where the table has 262,144 buckets.
 */
bool lookup_finds_connections_alone(uint16_t port);

/*
 * Whether a port is held by sockets of this program and by no others: ones that listen, or are bound
 * (of which Linux tells since 6.8). A search, too.
 */
bool lookup_finds_own_alone(uint16_t port, bool is_udp);

#endif
