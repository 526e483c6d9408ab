/* Listening elsewhere: see relisten.h. */
#include "guest/calls/relisten.h"

#include "guest/calls/attempt.h"
#include "guest/calls/options.h"
#include "guest/kernel/sys.h"
#include "guest/state/fork_shared.h"
#include "guest/state/memory.h"

/* Put the fresh file under the old one's number, which closes the old file. */
static bool put_in_place(int fresh, int fd)
{
    long flags = sys_call(SYS_fcntl, fd, F_GETFD);
    if (flags < 0)
        return false;
    return sys_call(SYS_dup3, fresh, fd, (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0) >= 0;
}

static bool bind_and_listen(const struct attempt *attempt, int fresh, uint16_t port)
{
    struct sockaddr_storage moved;
    address_with_port(attempt->address, attempt->length, port, &moved);
    return sys_call(SYS_bind, fresh, &moved, attempt->length) == 0 &&
           sys_call(SYS_listen, fresh, attempt->backlog) == 0;
}

static int listen_at(struct attempt *attempt, uint16_t *port)
{
    uint64_t cookie = 0;
    int fresh = socket_like(attempt->fd);
    if (fresh < 0)
        return -1;
    if (sys_option(fresh, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie))
        fork_shared_add_socket(cookie, *port, false);
    bool done = bind_and_listen(attempt, fresh, *port) && put_in_place(fresh, attempt->fd);
    int error = errno;
    if (!done)
        fork_shared_drop_socket(cookie);
    sys_close(fresh);
    errno = error;
    return done ? 0 : -1;
}

bool relisten(const struct image *image, int fd, int backlog)
{
    struct sockaddr_in6 name; /* the longest of those that are moved; others are cut */
    socklen_t length = sizeof name;
    struct attempt attempt = {
        .image = image,
        .fd = fd,
        .address = (const struct sockaddr *)&name,
        .backlog = backlog,
    };
    if (sys_call(SYS_getsockname, fd, &name, &length) != 0 ||
        !address_read(&name, length, &attempt.target))
        return false;
    attempt.length = length;
    /* The port may be a place itself, which another program took between bind and listen. */
    uint16_t bound = attempt.target.port, asked = memory_asked_for(bound, false);
    if (asked != 0)
        attempt.target.port = asked;
    if (attempt_read_map(&attempt) &&
        attempt_ask(&attempt, REASON_INUSE, asked != 0 ? bound : 0, listen_at) == BOUND)
        return true;
    errno = EADDRINUSE;
    attempt_told(&attempt, -1);
    return false;
}
