/*
 * The route of a connection to this machine: each project has a localhost of its own.
 *
 * A program that connects to a port from which its project's server was moved reaches that server.
 * A connection that a sibling's server would answer is refused, as if nobody listened. All others
 * go where they were sent.
 *
 * The map says who would answer, and the kernel whether that is still so: a socket is known by its
 * cookie, so a stale entry is never followed, even after the daemon has gone. The daemon is not
 * asked.
 */
#ifndef STYXY_ROUTE_H
#define STYXY_ROUTE_H

#include "guest/image.h"
#include "guest/kernel/address.h"

enum route {
    ROUTE_PLAIN,  /* where the program said */
    ROUTE_MOVED,  /* to the project's own server, at another address */
    ROUTE_REFUSED /* to nobody: ECONNREFUSED */
};

struct destination {
    const void *address; /* the program's own, never written to */
    socklen_t length;
    struct sockaddr_storage own; /* where ROUTE_MOVED leads, `length` bytes of it */
};

/* Decide where a socket that connects to a destination goes. Changes errno. */
enum route route_find(const struct image *image, int fd, struct destination *destination);

#endif
