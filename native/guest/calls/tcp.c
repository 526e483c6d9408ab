/*
 * Where a TCP bind goes.
 *
 * Theory of operation. The map says whether this program has a place for the port, or had one, and
 * whether the port is promised to another; the kernel says whether a stranger answers on that
 * number at an address where bind would not notice it. If none of these holds, the real bind runs
 * and nobody was asked. The steps, in their order:
 *
 * 1. Workers that share a port by SO_REUSEPORT meet at the place of the first one.
 * 2. Where this program was moved away from the port before, by TCP or UDP, or its project was until
 *    just now, the daemon is asked, and names the same place again.
 * 3. The daemon is asked about a port that is promised to another, and then about one on which a
 *    stranger answers.
 * 4. The real bind. If it says EADDRINUSE, old connections may hold the port, and are bound over;
 *    otherwise the daemon is asked.
 */
#include "guest/calls/attempt.h"
#include "guest/calls/companion.h"
#include "guest/calls/lookup.h"
#include "guest/kernel/sys.h"
#include "guest/state/memory.h"
#include "guest/state/notice_once.h"

#include <netinet/in.h>

enum { RETURN_SECONDS = 600 }; /* a server that ended less than this ago goes back to its place */

static bool shares_its_port(const struct attempt *attempt)
{
    return sys_int_option(attempt->fd, SO_REUSEPORT) == 1;
}

/* ---- ports that old connections hold ---- */

/*
 * Bind where nobody listens and old connections hold the port, as after a server's restart.
 *
 * The option stays set where it helped: listen() checks the port once more, and would say
 * EADDRINUSE without it. Where it did not help, it is taken back.
 */
static int bind_over_old_connections(struct attempt *attempt, uint16_t port)
{
    int on = 1, off = 0;
    struct target target = attempt->target;
    target.port = port;
    if (sys_int_option(attempt->fd, SO_REUSEADDR) != 0 ||
        lookup_finds_foreign(&target, PLACE_ALL) || !lookup_finds_connections_alone(port))
        return attempt_in_use();
    sys_call(SYS_setsockopt, attempt->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int result = attempt_bind_at(attempt, &port), error = errno;
    if (result != 0)
        sys_call(SYS_setsockopt, attempt->fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
    errno = error;
    return result;
}

/* ---- workers that share a port ---- */

/*
 * Bind beside another worker of this project that was moved before: sockets that both have
 * SO_REUSEPORT are one server, though the workers may be programs of their own. The kernel lets
 * only such sockets share a port. The map lists the earliest first, so all of them meet at its
 * place.
 */
static bool bind_beside_worker(struct attempt *attempt, uint16_t *port)
{
    for (size_t i = 0; i < attempt->move_count; i++) {
        const struct move *move = &attempt->moves[i];
        if (move->state == MOVE_REMEMBERED)
            continue;
        if (move->image_id == attempt->image->image_id)
            return false;
        *port = move->port;
        if (attempt_bind_at(attempt, port) == 0) {
            /* That worker prints the notice. */
            notice_once_claim(attempt->target.port, *port, false);
            return true;
        }
    }
    return false;
}

/* Take a place; of two workers that asked at the same moment, the second joins the first. */
static int take_place(struct attempt *attempt, uint16_t *port)
{
    uint16_t there;
    if (shares_its_port(attempt) && attempt_read_map(attempt) &&
        bind_beside_worker(attempt, &there)) {
        *port = there;
        return 0;
    }
    int result = attempt_bind_at(attempt, port);
    return result != 0 && errno == EADDRINUSE ? bind_over_old_connections(attempt, *port) : result;
}

/* ---- the steps ---- */

/*
 * Whether the program has a place for this port already, or its project had one until just now, or
 * may have had one near it.
 */
static bool has_place(const struct attempt *attempt, enum reason *reason)
{
    time_t now = attempt->move_count > 0 ? sys_time(CLOCK_REALTIME).tv_sec : 0;
    bool was_here = false;
    *reason = REASON_PLACED;
    if (memory_was_moved(attempt->target.port, false) || companion_is_moved(attempt))
        return true;
    for (size_t i = 0; i < attempt->move_count; i++) {
        const struct move *move = &attempt->moves[i];
        was_here |= move->state == MOVE_REMEMBERED &&
                    (uint64_t)now < move->at + RETURN_SECONDS;
    }
    *reason = REASON_RETURNED;
    /* A program that finds its own way may be led to where it was before. */
    return was_here || memory_is_steered();
}

/* The real bind, and what follows where it says EADDRINUSE. */
static int bind_or_move(struct attempt *attempt)
{
    int result = attempt_bind_as_asked(attempt);
    if (result == 0 || errno != EADDRINUSE)
        return result;
    if (bind_over_old_connections(attempt, attempt->target.port) == 0)
        return attempt_done(attempt);
    return attempt_ask(attempt, REASON_INUSE, 0, take_place) == BOUND ? attempt_done(attempt)
                                                                      : attempt_in_use();
}

/* Whether a stranger answers on the port at an address where our bind would succeed beside it. */
static bool is_shadowed(const struct attempt *attempt)
{
    int v6only = 1;
    if (attempt->target.family == AF_INET6)
        sys_option(attempt->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only);
    return lookup_finds_foreign(
        &attempt->target,
        address_uncovered(&attempt->target, v6only == 0, sys_shares_ports(attempt->fd)));
}

/* Join a worker that is there already; not inlined, for the stack of its answer. */
__attribute__((noinline)) static bool joins_worker(struct attempt *attempt)
{
    struct answer there = {.verdict = VERDICT_MOVE};
    if (attempt->move_count == 0 || !shares_its_port(attempt) ||
        !bind_beside_worker(attempt, &there.port))
        return false;
    memory_add_move(attempt->target.port, false, &there);
    return true;
}

int bind_tcp(struct attempt *attempt)
{
    enum reason reason;
    enum outcome outcome = UNMOVED;
    if (joins_worker(attempt))
        return attempt_done(attempt);
    if (has_place(attempt, &reason))
        outcome = attempt_ask(attempt, reason, 0, take_place);
    if (outcome == UNMOVED && attempt_is_promised_to_another(attempt))
        outcome = attempt_ask(attempt, REASON_PROMISED, 0, take_place);
    if (outcome == UNMOVED && is_shadowed(attempt)) {
        outcome = attempt_ask(attempt, REASON_SHADOWED, 0, take_place);
        if (outcome == UNMOVED)
            return attempt_bind_as_asked(attempt);
    }
    if (outcome == BOUND)
        return attempt_done(attempt);
    if (outcome == REFUSED)
        return attempt_in_use();
    return outcome == UNANSWERED ? attempt_bind_as_asked(attempt) : bind_or_move(attempt);
}
