/* Who would get a connection: see lookup.h. */
#include "lookup.h"

#include "memory.h"
#include "sys.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

enum {
    ANSWER_ROOM = 4096, /* a dump comes in pieces of this size at least */
    /* net/tcp_states.h */
    STATE_LISTEN = 10,
    STATE_BOUND_INACTIVE = 13,
    CONNECTION_STATES = 0xfff & ~(1 << STATE_LISTEN) & ~(1 << 7) & ~1, /* 7 is TCP_CLOSE */
};

struct request {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
};

static struct request request_for(const uint8_t *address, bool is_v4, uint32_t scope, uint16_t port)
{
    /* Without NLM_F_DUMP the kernel finds one socket by its addresses; the peer is nobody. */
    struct request request = {
        .header = {.nlmsg_len = sizeof request,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .body = {.sdiag_family = is_v4 ? AF_INET : AF_INET6,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = 1u << STATE_LISTEN,
                 .id = {.idiag_sport = htons(port),
                        .idiag_if = scope,
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    memcpy(request.body.id.idiag_src, is_v4 ? address + 12 : address, is_v4 ? 4 : 16);
    return request;
}

int lookup_open(void)
{
    return sys_socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
}

void lookup_close(int door)
{
    sys_close(door);
}

/* Read the message at the start of `bytes`: the cookie of a listener, 0 where it shows none. */
static uint64_t cookie_of_listener(const unsigned char *bytes, size_t length)
{
    struct nlmsghdr header;
    struct inet_diag_msg found;
    if (length < sizeof header + sizeof found)
        return 0;
    memcpy(&header, bytes, sizeof header);
    memcpy(&found, bytes + sizeof header, sizeof found);
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || found.idiag_state != STATE_LISTEN)
        return 0;
    return (uint64_t)found.id.idiag_cookie[1] << 32 | found.id.idiag_cookie[0];
}

uint64_t lookup_answering(int door, const uint8_t address[16], bool is_v4, uint32_t scope,
                          uint16_t port)
{
    struct request request = request_for(address, is_v4, scope, port);
    unsigned char answer[512];
    /* An unconnected netlink socket sends to the kernel, which answers before send returns, so
       receiving never waits. NLMSG_ERROR says that there is nobody. */
    if (sys_send(door, &request, sizeof request) != (ptrdiff_t)sizeof request)
        return 0;
    ptrdiff_t got = sys_receive(door, answer, sizeof answer);
    return got > 0 ? cookie_of_listener(answer, (size_t)got) : 0;
}

/* Begin a dump of the sockets of one family that have this local port and one of these states. */
static bool ask_for_all(int door, bool is_v4, uint32_t states, uint16_t port)
{
    static const uint8_t anywhere[16];
    struct request request = request_for(anywhere, is_v4, 0, port);
    request.header.nlmsg_flags |= NLM_F_DUMP;
    request.body.idiag_states = states;
    return sys_send(door, &request, sizeof request) == (ptrdiff_t)sizeof request;
}

/* Whether a piece of a dump has a listener with this cookie; `more` = another piece follows. */
static bool piece_has(const unsigned char *bytes, size_t length, uint64_t cookie, bool *more)
{
    bool found = false;
    size_t at = 0;
    *more = true;
    while (at + sizeof(struct nlmsghdr) <= length) {
        struct nlmsghdr header;
        memcpy(&header, bytes + at, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > length - at)
            break;
        if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR)
            *more = false;
        found |= cookie_of_listener(bytes + at, header.nlmsg_len) == cookie;
        at += NLMSG_ALIGN(header.nlmsg_len);
    }
    return found;
}

static bool is_among_listeners(int door, bool is_v4, uint16_t port, uint64_t cookie)
{
    unsigned char answer[ANSWER_ROOM];
    bool found = false, more = ask_for_all(door, is_v4, 1u << STATE_LISTEN, port);
    /* To the end, for the door is used again. */
    while (more) {
        ptrdiff_t got = sys_receive(door, answer, sizeof answer);
        if (got <= 0)
            break;
        found |= piece_has(answer, (size_t)got, cookie, &more);
    }
    return found;
}

bool lookup_is_answering(int door, const uint8_t address[16], bool is_v4, uint16_t port,
                         uint64_t cookie)
{
    uint64_t answering = cookie != 0 ? lookup_answering(door, address, is_v4, 0, port) : 0;
    if (answering == 0 || answering == cookie)
        return answering != 0;
    /* The kernel picked another of those that share the port, or another server has it now. */
    return is_among_listeners(door, false, port, cookie) ||
           (is_v4 && is_among_listeners(door, true, port, cookie));
}

static bool is_foreign(int door, const uint8_t *address, bool is_v4, uint32_t scope, uint16_t port)
{
    uint64_t cookie = lookup_answering(door, address, is_v4, scope, port);
    return cookie != 0 && !memory_has_socket(cookie);
}

bool lookup_finds_foreign(const struct target *target, unsigned places)
{
    if (!policy_is_elsewhere(target))
        places &= ~(unsigned)PLACE_TARGET;
    int door = places != 0 ? lookup_open() : -1;
    if (door < 0)
        return false;
    bool foreign =
        ((places & PLACE_LOOPBACK_V4) != 0 &&
         is_foreign(door, POLICY_LOOPBACK[FAMILY_V4], true, 0, target->port)) ||
        ((places & PLACE_LOOPBACK_V6) != 0 &&
         is_foreign(door, POLICY_LOOPBACK[FAMILY_V6], false, 0, target->port)) ||
        ((places & PLACE_TARGET) != 0 &&
         is_foreign(door, target->address, target->is_v4, target->scope, target->port));
    lookup_close(door);
    return foreign;
}

/* Whether a socket of one family has this local port and one of these states. */
static bool any_in_state(bool is_v4, uint32_t states, uint16_t port)
{
    struct nlmsghdr header = {.nlmsg_type = NLMSG_DONE};
    unsigned char answer[ANSWER_ROOM];
    /* A door of its own: the first message tells (a socket, or the end), and the rest stays. */
    int door = lookup_open();
    if (door < 0)
        return false;
    if (ask_for_all(door, is_v4, states, port) &&
        sys_receive(door, answer, sizeof answer) >= (ptrdiff_t)sizeof header)
        memcpy(&header, answer, sizeof header);
    lookup_close(door);
    return header.nlmsg_type == SOCK_DIAG_BY_FAMILY;
}

bool lookup_finds_connections_alone(uint16_t port)
{
    const uint32_t bound = 1u << STATE_BOUND_INACTIVE;
    return !any_in_state(true, bound, port) && !any_in_state(false, bound, port) &&
           (any_in_state(true, CONNECTION_STATES, port) ||
            any_in_state(false, CONNECTION_STATES, port));
}
