/*
 * bind: the real one, unless the port is somebody else's; then one question to the daemon, and the
 * real one at the port that it names.
 *
 * This file decides whether a call concerns us at all. TCP and UDP have rules of their own (tcp.c,
 * udp.c); attempt.c has what they share.
 */
#include "guest/calls/attempt.h"
#include "guest/host.h"
#include "guest/kernel/readable.h"
#include "guest/kernel/sys.h"

#include <netinet/in.h>

/* Whether the socket has no port yet. */
static bool is_unbound(int fd)
{
    struct sockaddr_storage name;
    struct target bound_to;
    socklen_t length = sizeof name;
    if (sys_call(SYS_getsockname, fd, &name, &length) != 0)
        return false;
    address_read(&name, length, &bound_to);
    return bound_to.port == 0;
}

/* Whether the call concerns us; a bad pointer is left to the kernel, which says EFAULT. */
static bool concerns_us(struct attempt *attempt)
{
    if (!readable_address(attempt->address, attempt->length) ||
        !address_read(attempt->address, attempt->length, &attempt->target))
        return false;
    enum transport transport = sys_transport(attempt->fd, attempt->target.family);
    attempt->is_udp = transport == TRANSPORT_UDP;
    return transport != TRANSPORT_OTHER && is_unbound(attempt->fd);
}

static int bind_somewhere(struct attempt *attempt)
{
    if (attempt_read_map(attempt))
        return attempt->is_udp ? bind_udp(attempt) : bind_tcp(attempt);
    int result = attempt_bind_as_asked(attempt), error = errno;
    if (result != 0 && attempt->is_udp && !udp_may_move(attempt))
        attempt->unmoved = UNMOVED_NOT; /* with a daemon it had not been moved, either */
    errno = error;
    return result;
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    struct attempt attempt = {
        .image = host_image(),
        .fd = fd,
        .address = address,
        .length = length,
        .entry_errno = errno,
    };
    if (attempt.image != NULL && concerns_us(&attempt))
        return attempt_told(&attempt, bind_somewhere(&attempt));
    errno = attempt.entry_errno;
    return real_bind(fd, address, length);
}
