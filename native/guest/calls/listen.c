/*
 * listen: the real one, and then the server is reported (report_listen.h).
 *
 * Two sockets with SO_REUSEADDR may be bound to one port as long as neither listens; the second to
 * listen gets EADDRINUSE. A bound socket cannot be bound again, so a fresh one takes its place
 * (relisten.h).
 *
 * Where the server was moved, its UDP sockets follow now (companion.h).
 */
#include "guest/calls/companion.h"
#include "guest/calls/relisten.h"
#include "guest/calls/report_listen.h"
#include "guest/host.h"
#include "guest/kernel/sys.h"
#include "guest/state/memory.h"

static bool is_tcp(int fd)
{
    int family = sys_int_option(fd, SO_DOMAIN);
    return (family == AF_INET || family == AF_INET6) && sys_transport(fd, family) == TRANSPORT_TCP;
}

/*
 * Whether the kernel chose the port, as this program wanted. One that was told that its port is
 * taken may have made that its choice, which is reported.
 */
static bool is_at_any_port(int fd)
{
    uint64_t cookie;
    return !memory_is_steered() && sys_option(fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie) &&
           memory_has_any_port(cookie);
}

/*
 * Let the server bind the port again after a restart. The connections that it leaves behind hold
 * the port against every bind, unless both sockets had SO_REUSEADDR (tcp.c). Setting the option on
 * a socket that listens already lets nobody else in (inet_bind_conflict in net/ipv4).
 */
static void allow_restart(int fd)
{
    int on = 1;
    if (sys_int_option(fd, SO_REUSEADDR) == 0)
        sys_call(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

/* The errno that a failed listen has in the end; 0 where a fresh socket listens instead. */
static int error_after_relisten(const struct listen_call *call, int backlog, int error)
{
    bool may_move = error == EADDRINUSE && call->is_first;
    return may_move && relisten(call->image, call->fd, backlog) ? 0 : error;
}

int INTERCEPTED(listen)(int fd, int backlog)
{
    int entry_errno = errno, error = 0;
    struct listen_call call = {.image = host_image(), .fd = fd};
    bool concerns_us = call.image != NULL && is_tcp(fd) && !is_at_any_port(fd);
    if (concerns_us)
        report_listen_prepare(&call);
    errno = entry_errno;
    int result = real_listen(fd, backlog);
    if (!concerns_us)
        return result;
    if (result != 0)
        error = error_after_relisten(&call, backlog, errno);
    if (error == 0 && call.port != 0 && call.is_first)
        allow_restart(fd);
    report_listen_outcome(&call, error == 0);
    if (error == 0 && call.is_first)
        companion_follow(&call);
    errno = error != 0 ? error : entry_errno;
    return error != 0 ? -1 : 0;
}
