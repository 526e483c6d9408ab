/*
 * Where a connection to this machine goes: localhost of one's own (spec 5.3).
 *
 * The map says who would answer, the kernel whether that is still so: a socket is known by its
 * cookie, so a stale entry is never followed, also where the daemon is gone. Nobody is asked.
 */
#ifndef STYXY_ROUTE_H
#define STYXY_ROUTE_H

#include "guest/image.h"
#include "guest/kernel/address.h"

enum route {
    ROUTE_PLAIN,  /* where the caller said */
    ROUTE_MOVED,  /* to the project's own server, at another address */
    ROUTE_REFUSED /* to nobody: ECONNREFUSED */
};

struct destination {
    const void *address; /* the caller's own, never written to */
    socklen_t length;
    struct sockaddr_storage own; /* where ROUTE_MOVED leads, `length` bytes of it */
};

/* Tell where a socket that connects to a destination shall go. errno is spoilt. */
enum route route_find(const struct image *image, int fd, struct destination *destination);

#endif
