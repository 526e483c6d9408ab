/*
 * Where a UDP bind goes: where the program's TCP socket of that port was moved, and otherwise
 * elsewhere only where the port is taken or promised to another.
 *
 * mDNS and SSDP share ports on purpose: a socket with SO_REUSEADDR or SO_REUSEPORT, of a multicast
 * group, with an option for broadcast or multicast, or with a multicast address is left alone. One
 * that goes along with TCP may have SO_REUSEADDR, or SO_BROADCAST, which Go sets on each of its UDP
 * sockets. Shadowed ports and old connections do not matter to UDP. It has no listen(), so the bind
 * itself is reported to the daemon and the user.
 */
#include "guest/calls/attempt.h"
#include "guest/calls/companion.h"
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

/* Whether an option by which a socket sends to groups is not as the kernel has set it. */
static bool has_multicast_options(int fd)
{
    static const struct {
        int level, name, usual;
    } options[] = {
        {IPPROTO_IP, IP_MULTICAST_TTL, 1},     {IPPROTO_IP, IP_MULTICAST_LOOP, 1},
        {IPPROTO_IP, IP_MULTICAST_IF, 0},      {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1},
        {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1}, {IPPROTO_IPV6, IPV6_MULTICAST_IF, 0},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        int value;
        if (sys_option(fd, options[i].level, options[i].name, &value, sizeof value) &&
            value != options[i].usual)
            return true;
    }
    return false;
}

bool udp_is_multicast(int fd)
{
    return may_be_in_a_group(fd) || has_multicast_options(fd);
}

bool udp_may_move(const struct attempt *attempt)
{
    return sys_int_option(attempt->fd, SO_REUSEADDR) == 0 &&
           sys_int_option(attempt->fd, SO_REUSEPORT) == 0 &&
           sys_int_option(attempt->fd, SO_BROADCAST) == 0 &&
           !address_is_multicast(&attempt->target) && !udp_is_multicast(attempt->fd);
}

/* Bind where the program's TCP socket is. Another place would tear the two apart. */
static int bind_beside_tcp(struct attempt *attempt, uint16_t *port)
{
    int result = attempt_bind_at(attempt, port);
    if (result != 0 && errno == EADDRINUSE)
        errno = EADDRNOTAVAIL;
    return result;
}

static bool goes_along(const struct attempt *attempt)
{
    return companion_is_moved(attempt) && !address_is_multicast(&attempt->target) &&
           !udp_is_multicast(attempt->fd);
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
    if (goes_along(attempt))
        outcome = attempt_ask(attempt, REASON_PLACED, 0, bind_beside_tcp);
    else if ((was_moved || attempt_is_promised_to_another(attempt)) && udp_may_move(attempt))
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
        companion_remember(attempt);
        report_udp_bind(attempt->image, attempt->fd, &attempt->map);
        errno = attempt->entry_errno;
    }
    return result;
}
