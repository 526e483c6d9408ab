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
#include "guest/state/memory.h"

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

/* Whether the program leaves the port of a TCP socket to the kernel; as `concerns_us` read it. */
static bool is_any_port(const struct attempt *attempt)
{
    int family = attempt->target.family;
    return attempt->target.port == 0 && (family == AF_INET || family == AF_INET6) &&
           sys_transport(attempt->fd, family) == TRANSPORT_TCP;
}

static int bind_any_port(const struct attempt *attempt)
{
    uint64_t cookie;
    int result = real_bind(attempt->fd, attempt->address, attempt->length), error = errno;
    if (result == 0 &&
        sys_option(attempt->fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie))
        memory_note_any_port(cookie);
    errno = error;
    return result;
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

int INTERCEPTED(bind)(int fd, const struct sockaddr *address, socklen_t length)
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
    bool is_any = attempt.image != NULL && is_any_port(&attempt);
    errno = attempt.entry_errno;
    return is_any ? bind_any_port(&attempt) : real_bind(fd, address, length);
}
