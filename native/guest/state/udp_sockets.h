/*
 * The UDP sockets that this program has bound at the ports that it asked for. Where its TCP socket
 * of the same port is moved afterwards, they go along (companion.h).
 *
 * Lock-free, as memory.h says. The table is a hint: the oldest entry gives way, and a socket may
 * have been closed, so whoever finds one compares its cookie.
 */
#ifndef STYXY_UDP_SOCKETS_H
#define STYXY_UDP_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

enum { UDP_SOCKETS = 16 };

struct udp_socket {
    int number;      /* its descriptor in the program */
    uint64_t cookie; /* SO_COOKIE */
};

/* Remember a socket that is bound to a port. */
void udp_sockets_add(const struct udp_socket *socket, uint16_t port);

/* Take one that is bound to a port out of the table; false where there is none. */
bool udp_sockets_take(uint16_t port, struct udp_socket *socket);

#endif
