/*
 * sock_diag(7): the kernel's list of sockets, by exact lookup and by search. Pure in one direction:
 * what is found is told, and nobody here knows what it is good for (lookup.h does).
 */
#ifndef STYXY_DIAG_H
#define STYXY_DIAG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A door to the kernel; -1 where it stays shut (sandboxes, a full descriptor table). A guest's is
 * opened for one call of the host, the supervisor's stays open: door.c, supervisor/door.c.
 */
int door_open(void);
void door_close(int door);

/* A new door, which is nobody else's; closed like any descriptor. */
int door_make(void);

/* net/tcp_states.h; sock_diag shows a bound socket that does not listen as the last one. */
enum { DIAG_CLOSE = 7, DIAG_LISTEN = 10, DIAG_BOUND = 13 };

/* The sockets of one family that have a local port. */
struct diag_query {
    bool is_v4, is_udp;
    uint32_t states; /* 1 << state, or-ed */
    uint16_t port;
};

/*
 * The cookie of the TCP listener that would get a connection to an address (as in struct target);
 * 0 where there is none. The lookup that an arriving SYN would do, so it costs the same beside any
 * crowd: 2 microseconds.
 */
uint64_t diag_listener(int door, const uint8_t address[16], bool is_v4, uint32_t scope,
                       uint16_t port);

/* Called with the cookie of each socket that a search finds. */
typedef void diag_visitor(void *visit, uint64_t cookie);

/* Search all sockets; false where the search had no end, and some may not have been told of. */
bool diag_search(int door, const struct diag_query *query, diag_visitor *visitor, void *visit);

/* Whether there is a socket of the kind; as costly as a search, however many there are. */
bool diag_has(const struct diag_query *query);

#endif
