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
#include "guest/kernel/multicast.h"
#include "guest/kernel/sys.h"
#include "guest/state/memory.h"

bool udp_may_move(const struct attempt *attempt)
{
    return sys_int_option(attempt->fd, SO_REUSEADDR) == 0 &&
           sys_int_option(attempt->fd, SO_REUSEPORT) == 0 &&
           sys_int_option(attempt->fd, SO_BROADCAST) == 0 &&
           !address_is_multicast(&attempt->target) && !multicast_is_used(attempt->fd);
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
           !multicast_is_used(attempt->fd);
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
