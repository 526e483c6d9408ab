/*
 * Reporting a server: the daemon hears of it in one datagram that nobody waits for, and the user of
 * a move in one line (notice.h), once for each server. All of this changes errno.
 */
#ifndef STYXY_REPORT_LISTEN_H
#define STYXY_REPORT_LISTEN_H

#include "guest/daemon/portmap.h"
#include "guest/image.h"

/* A listen() that is about to happen. */
struct listen_call {
    const struct image *image;
    int fd;
    bool has_map;
    struct portmap map;     /* what its header said; it is closed by now */
    uint16_t port;          /* that the socket is bound to; 0: none of ours, or no daemon */
    bool is_first;          /* nobody listened on this socket before */
    bool is_inherited;      /* an earlier program was moved here, and nobody has reported it */
    struct promise promise; /* of the socket's port */
    int gate;
};

/* Look at a TCP socket before it listens; and report it, if it does. */
void report_listen_prepare(struct listen_call *call);
void report_listen_outcome(struct listen_call *call, bool listens);

/*
 * Report once that the program has read where its socket was moved to: it may compare the port with
 * the one that it asked for.
 */
void report_name(const struct image *image, int fd, uint16_t asked, uint16_t port);

/* Report a UDP socket that is bound; `map` is what was read of the map before. */
void report_udp_bind(const struct image *image, int fd, const struct portmap *map);

#endif
