/*
 * The real functions behind ours, and the table by which dyld puts ours in their place.
 *
 * A pair in the section `__interpose` makes the program and every other library call the first
 * function where they name the second. This library is left alone, so that `bind` here is libc's,
 * or that of the next library with such a section: nothing has to be found.
 *
 * connectx(2) is here as well: a connection to the project's own server, or to nobody, as for
 * connect (guest/calls/route.h).
 */
#include "darwin/program/interposed.h"

#include "guest/calls/route.h"
#include "guest/host.h"
#include "guest/kernel/readable.h"
#include "guest/kernel/sys.h"
#include "preload/real.h"

#define DEFINE_REAL_OF_BOTH(name, number, notify, address, result, parameters, arguments)          \
    result real_##name parameters                                                                  \
    {                                                                                              \
        return name arguments;                                                                     \
    }

INTERCEPTED_CALLS(DEFINE_REAL_OF_BOTH, NOTHING_OF, NOTHING_OF)

int real_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    return getsockname(fd, address, length);
}

/* The endpoints as far as they can be read; without a destination where they cannot. */
static sa_endpoints_t read_ends(const sa_endpoints_t *ends)
{
    const char *bytes = (const char *)ends;
    if (readable(bytes) && readable(bytes + sizeof *ends - 8))
        return *ends;
    return (sa_endpoints_t){.sae_dstaddr = NULL};
}

int styxy_connectx(int fd, const sa_endpoints_t *ends, sae_associd_t association, unsigned flags,
                   const struct iovec *bytes, unsigned count, size_t *sent,
                   sae_connid_t *connection)
{
    int entry_errno = errno;
    enum route route = ROUTE_PLAIN;
    const struct image *image = host_image();
    sa_endpoints_t moved = read_ends(ends);
    struct destination to = {.address = moved.sae_dstaddr, .length = moved.sae_dstaddrlen};
    if (image != NULL && image->is_virtual_localhost && moved.sae_dstaddr != NULL)
        route = route_find(image, fd, &to);
    errno = entry_errno;
    if (route == ROUTE_REFUSED) {
        errno = ECONNREFUSED;
        return -1;
    }
    if (route == ROUTE_MOVED) {
        moved.sae_dstaddr = (const struct sockaddr *)&to.own;
        moved.sae_dstaddrlen = to.length;
        ends = &moved;
    }
    return connectx(fd, ends, association, flags, bytes, count, sent, connection);
}

struct pair {
    const void *ours, *theirs;
};

#define PAIR(name) {(const void *)styxy_##name, (const void *)name},

__attribute__((used, section("__DATA,__interpose"))) static const struct pair pairs[] = {
    INTERPOSED_CALLS(PAIR)};
