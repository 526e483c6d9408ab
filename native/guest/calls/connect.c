/*
 * connect, and the two calls that connect with MSG_FASTOPEN: to the project's own server where that
 * was moved, or to nobody where a sibling would answer (route.h). What UDP sends without connect goes
 * where it was sent.
 */
#include "guest/calls/route.h"
#include "guest/host.h"
#include "guest/kernel/readable.h"
#include "guest/kernel/sys.h"

#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000 /* linux/socket.h */
#endif

/* Find the route of a connection; errno is as it was. */
static enum route route_for(int fd, struct destination *destination)
{
    int entry_errno = errno;
    enum route route = ROUTE_PLAIN;
    const struct image *image = host_image();
    if (image != NULL && image->is_virtual_localhost)
        route = route_find(image, fd, destination);
    errno = entry_errno;
    return route;
}

static int refused(void)
{
    errno = ECONNREFUSED;
    return -1;
}

int INTERCEPTED(connect)(int fd, const struct sockaddr *address, socklen_t length)
{
    struct destination to = {.address = address, .length = length};
    enum route route = route_for(fd, &to);
    if (route == ROUTE_REFUSED)
        return refused();
    if (route == ROUTE_MOVED)
        return real_connect(fd, (const struct sockaddr *)&to.own, to.length);
    return real_connect(fd, address, length);
}

ssize_t INTERCEPTED(sendto)(int fd, const void *bytes, size_t count, int flags,
                            const struct sockaddr *address, socklen_t length)
{
    if ((flags & MSG_FASTOPEN) == 0)
        return real_sendto(fd, bytes, count, flags, address, length);
    struct destination to = {.address = address, .length = length};
    enum route route = route_for(fd, &to);
    if (route == ROUTE_REFUSED)
        return refused();
    if (route == ROUTE_MOVED)
        return real_sendto(fd, bytes, count, flags, (const struct sockaddr *)&to.own, to.length);
    return real_sendto(fd, bytes, count, flags, address, length);
}

ssize_t INTERCEPTED(sendmsg)(int fd, const struct msghdr *message, int flags)
{
    const char *bytes = (const char *)message;
    int entry_errno = errno;
    bool is_readable = (flags & MSG_FASTOPEN) != 0 && readable(bytes) &&
                       readable(bytes + sizeof *message - 8);
    errno = entry_errno;
    if (!is_readable)
        return real_sendmsg(fd, message, flags);
    struct msghdr moved = *message;
    struct destination to = {.address = moved.msg_name, .length = moved.msg_namelen};
    enum route route = route_for(fd, &to);
    if (route == ROUTE_REFUSED)
        return refused();
    if (route == ROUTE_PLAIN)
        return real_sendmsg(fd, message, flags);
    moved.msg_name = &to.own;
    moved.msg_namelen = to.length;
    return real_sendmsg(fd, &moved, flags);
}
