/* Who would get a connection, and who holds a port: see lookup.h. */
#include "guest/calls/lookup.h"

#include "guest/host.h"
#include "guest/state/fork_shared.h"


/* net/tcp_states.h: all but the two and TCP_CLOSE. */
static const uint32_t CONNECTION_STATES = 0xfff & ~(1u << DIAG_LISTEN) & ~(1u << DIAG_CLOSE) & ~1u;

struct search_for_one {
    uint64_t cookie;
    bool is_found;
};

static void compare(void *visit, uint64_t cookie)
{
    struct search_for_one *search = visit;
    search->is_found |= cookie == search->cookie;
}

static bool is_among_listeners(int diag, bool is_v4, uint16_t port, uint64_t cookie)
{
    struct diag_query query = {.is_v4 = is_v4, .states = 1u << DIAG_LISTEN, .port = port};
    struct search_for_one search = {.cookie = cookie};
    diag_search(diag, &query, compare, &search);
    return search.is_found;
}

bool lookup_is_answering(int diag, const uint8_t address[16], bool is_v4, uint16_t port,
                         uint64_t cookie)
{
    uint64_t answering = cookie != 0 ? diag_listener(diag, address, is_v4, 0, port) : 0;
    if (answering == 0 || answering == cookie)
        return answering != 0;
    /* The kernel picked another socket that shares the port, or another server has the port now. */
    return is_among_listeners(diag, false, port, cookie) ||
           (is_v4 && is_among_listeners(diag, true, port, cookie));
}

bool lookup_is_bound_udp(int diag, uint16_t port, uint64_t cookie)
{
    struct diag_query query = {.is_udp = true, .states = UINT32_MAX, .port = port};
    struct search_for_one search = {.cookie = cookie};
    diag_search(diag, &query, compare, &search);
    query.is_v4 = true;
    return search.is_found || (diag_search(diag, &query, compare, &search) && search.is_found);
}

static bool is_foreign(int diag, const uint8_t *address, bool is_v4, uint32_t scope, uint16_t port)
{
    uint64_t cookie = diag_listener(diag, address, is_v4, scope, port);
    return cookie != 0 && !fork_shared_has_socket(cookie);
}

bool lookup_finds_foreign(const struct target *target, unsigned places)
{
    if (!address_is_elsewhere(target))
        places &= ~(unsigned)PLACE_TARGET;
    int diag = places != 0 ? host_diag_open() : -1;
    if (diag < 0)
        return false;
    bool foreign =
        ((places & PLACE_LOOPBACK_V4) != 0 &&
         is_foreign(diag, ADDRESS_LOOPBACK[FAMILY_V4], true, 0, target->port)) ||
        ((places & PLACE_LOOPBACK_V6) != 0 &&
         is_foreign(diag, ADDRESS_LOOPBACK[FAMILY_V6], false, 0, target->port)) ||
        ((places & PLACE_TARGET) != 0 &&
         is_foreign(diag, target->address, target->is_v4, target->scope, target->port));
    host_diag_close(diag);
    return foreign;
}

static bool any_in_state(uint32_t states, uint16_t port)
{
    return diag_has(&(struct diag_query){.is_v4 = true, .states = states, .port = port}) ||
           diag_has(&(struct diag_query){.is_v4 = false, .states = states, .port = port});
}

bool lookup_finds_connections_alone(uint16_t port)
{
    return !any_in_state(1u << DIAG_BOUND, port) && any_in_state(CONNECTION_STATES, port);
}

struct tally {
    unsigned own, others;
};

static void count(void *visit, uint64_t cookie)
{
    struct tally *tally = visit;
    if (fork_shared_has_socket(cookie))
        tally->own++;
    else
        tally->others++;
}

bool lookup_finds_own_alone(uint16_t port, bool is_udp)
{
    struct diag_query query = {.is_udp = is_udp, .port = port};
    struct tally tally = {.own = 0};
    int diag = host_diag_open();
    if (diag < 0)
        return false;
    query.states = is_udp ? UINT32_MAX : 1u << DIAG_LISTEN | 1u << DIAG_BOUND;
    bool seen = diag_search(diag, &query, count, &tally);
    query.is_v4 = true;
    seen = diag_search(diag, &query, count, &tally) && seen;
    host_diag_close(diag);
    return seen && tally.own > 0 && tally.others == 0;
}
