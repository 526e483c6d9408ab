/*
 * Who would get a connection to a local address? Asked of the kernel itself, by sock_diag(7).
 *
 * Not a dump that is filtered but the exact lookup that an arriving SYN would do, so it costs the
 * same with one listener and with ten thousand: 6 microseconds for the netlink socket, which lives
 * for one call of the host only, and 2 for each place.
 */
#ifndef STYXY_LOOKUP_H
#define STYXY_LOOKUP_H

#include "policy.h"

/* The kernel's door; -1 where it stays shut (sandboxes, a full descriptor table). */
int lookup_open(void);
void lookup_close(int door);

/* The cookie of the socket that answers on a port of an address, 0 where none does. `address` as
   in struct target. */
uint64_t lookup_answering(int door, const uint8_t address[16], bool is_v4, uint32_t scope,
                          uint16_t port);

/*
 * Whether this very socket answers there, or, where several share a port by SO_REUSEPORT, listens
 * beside the one that does.
 */
bool lookup_is_answering(int door, const uint8_t address[16], bool is_v4, uint16_t port,
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

#endif
