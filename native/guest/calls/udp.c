/*
 * Where a UDP bind goes: elsewhere only where the port is taken or promised to another.
 *
 * mDNS and SSDP share ports on purpose: a socket with SO_REUSEADDR or SO_REUSEPORT, of a multicast
 * group, or with a multicast address is left alone. Shadowed ports and old connections do not
 * matter to UDP. It has no listen(), so the bind itself is reported to the daemon and the user.
 */
#include "guest/calls/attempt.h"
#include "guest/calls/report_listen.h"
#include "guest/kernel/sys.h"
#include "guest/state/memory.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55 /* asm-generic/socket.h, Linux 4.12 */
#endif

/*
 * Whether the socket has joined a multicast group, or may have.
 *
 * No option lists the groups of a socket, and watching setsockopt would miss a socket that was
 * inherited. But the kernel charges each membership (48 bytes for IPv4, 56 for IPv6) to the
 * socket's option memory, which SO_MEMINFO reports: 0 means neither a group nor a packet filter. A
 * socket with only a filter is taken for a member, and keeps its own result.
 */
static bool may_be_in_a_group(int fd)
{
    enum { OPTION_MEMORY = 6, NUMBERS = 9 }; /* linux/sock_diag.h: SK_MEMINFO_OPTMEM, ..._VARS */
    uint32_t memory[NUMBERS] = {0};
    return !sys_option(fd, SOL_SOCKET, SO_MEMINFO, memory, sizeof memory) ||
           memory[OPTION_MEMORY] != 0;
}

bool udp_may_move(const struct attempt *attempt)
{
    return sys_int_option(attempt->fd, SO_REUSEADDR) == 0 &&
           sys_int_option(attempt->fd, SO_REUSEPORT) == 0 &&
           !address_is_multicast(&attempt->target) && !may_be_in_a_group(attempt->fd);
}

/* The real bind, and a question where it says EADDRINUSE. */
static int bind_or_move(struct attempt *attempt)
{
    int result = attempt_bind_as_asked(attempt);
    if (result == 0 || errno != EADDRINUSE)
        return result;
    if (udp_may_move(attempt) &&
        attempt_ask(attempt, REASON_INUSE, 0, attempt_bind_at) == BOUND)
        return attempt_done(attempt);
    return attempt_in_use();
}

static int bind_somewhere(struct attempt *attempt)
{
    enum outcome outcome = UNMOVED;
    bool was_moved = memory_was_moved(attempt->target.port, true);
    if ((was_moved || attempt_is_promised_to_another(attempt)) &&
        udp_may_move(attempt))
        outcome = attempt_ask(attempt, was_moved ? REASON_PLACED : REASON_PROMISED, 0,
                              attempt_bind_at);
    if (outcome == BOUND)
        return attempt_done(attempt);
    if (outcome == REFUSED)
        return attempt_in_use();
    return outcome == UNANSWERED ? attempt_bind_as_asked(attempt) : bind_or_move(attempt);
}

int bind_udp(struct attempt *attempt)
{
    int result = bind_somewhere(attempt);
    if (result == 0) {
        report_udp_bind(attempt->image, attempt->fd, &attempt->map);
        errno = attempt->entry_errno;
    }
    return result;
}
