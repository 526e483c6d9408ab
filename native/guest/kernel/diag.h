/*
 * sock_diag(7): the kernel's list of sockets, by exact lookup and by search. What a socket that was
 * found means is not known here (lookup.h knows).
 */
#ifndef STYXY_DIAG_H
#define STYXY_DIAG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Make a socket to ask the kernel by; -1 where there is none (sandboxes, a full descriptor table).
 * It is closed like any descriptor. host_diag_open (host.h) may give one that is open already.
 */
int diag_socket(void);

/* net/tcp_states.h; sock_diag shows a bound socket that does not listen as the last one. */
enum { DIAG_CLOSE = 7, DIAG_LISTEN = 10, DIAG_BOUND = 13 };

/* The sockets of one family that have a local port. */
struct diag_query {
    bool is_v4, is_udp;
    uint32_t states; /* 1 << state, or-ed */
    uint16_t port;
};

/*
 * The cookie of the TCP listener that would get a connection to an address (as in struct target); 0
 * where there is none. It is the lookup that an arriving SYN would do, so it takes 2 microseconds,
 * however many sockets there are.
 */
uint64_t diag_listener(int diag, const uint8_t address[16], bool is_v4, uint32_t scope,
                       uint16_t port);

/* Called with the cookie of each socket that a search finds. */
typedef void diag_visitor(void *visit, uint64_t cookie);

/* Search all sockets; false where the search broke off, and some may not have been visited. */
bool diag_search(int diag, const struct diag_query *query, diag_visitor *visitor, void *visit);

/* Whether any socket matches; as costly as a search. It asks by a socket of its own. */
bool diag_has(const struct diag_query *query);

#endif
