/* sock_diag(7): see diag.h. */
#include "guest/kernel/diag.h"

#include "guest/kernel/sys.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>

enum { PIECE = 4096 /* a dump comes in pieces of at least this size */ };

struct request {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
};

static struct request request_for(const struct diag_query *query)
{
    /* Without NLM_F_DUMP the kernel finds one socket by its addresses; the peer is nobody. */
    return (struct request){
        .header = {.nlmsg_len = sizeof(struct request),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .body = {.sdiag_family = query->is_v4 ? AF_INET : AF_INET6,
                 .sdiag_protocol = query->is_udp ? IPPROTO_UDP : IPPROTO_TCP,
                 .idiag_states = query->states,
                 .id = {.idiag_sport = htons(query->port),
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
}

int diag_socket(void)
{
    return sys_socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
}

static bool send_request(int diag, const struct request *request)
{
    /*
     * An unconnected netlink socket sends to the kernel, which answers before send returns, so
     * receiving never waits.
     */
    return sys_send(diag, request, sizeof *request) == (ptrdiff_t)sizeof *request;
}

/* Read the message at the start of `bytes`; false where it is no socket (NLMSG_ERROR, the end). */
static bool read_socket(const unsigned char *bytes, size_t length, struct inet_diag_msg *found)
{
    struct nlmsghdr header;
    if (length < sizeof header + sizeof *found)
        return false;
    memcpy(&header, bytes, sizeof header);
    memcpy(found, bytes + sizeof header, sizeof *found);
    return header.nlmsg_type == SOCK_DIAG_BY_FAMILY;
}

static uint64_t cookie_of(const struct inet_diag_msg *found)
{
    return (uint64_t)found->id.idiag_cookie[1] << 32 | found->id.idiag_cookie[0];
}

uint64_t diag_listener(int diag, const uint8_t address[16], bool is_v4, uint32_t scope,
                       uint16_t port)
{
    struct diag_query query = {.is_v4 = is_v4, .states = 1u << DIAG_LISTEN, .port = port};
    struct request request = request_for(&query);
    struct inet_diag_msg found;
    unsigned char answer[512];
    request.body.id.idiag_if = scope;
    memcpy(request.body.id.idiag_src, is_v4 ? address + 12 : address, is_v4 ? 4 : 16);
    if (!send_request(diag, &request))
        return 0;
    ptrdiff_t got = sys_receive(diag, answer, sizeof answer);
    return got > 0 && read_socket(answer, (size_t)got, &found) && found.idiag_state == DIAG_LISTEN
               ? cookie_of(&found)
               : 0;
}

static bool begin_search(int diag, const struct diag_query *query)
{
    struct request request = request_for(query);
    request.header.nlmsg_flags |= NLM_F_DUMP;
    return send_request(diag, &request);
}

/*
 * Visit the sockets in a piece of a dump that have the port; return whether another piece follows.
 * The kernel filters by port itself, but not for bound sockets.
 */
static bool read_piece(const unsigned char *bytes, size_t length, uint16_t port,
                       diag_visitor *visitor, void *visit)
{
    bool more = true;
    for (size_t at = 0; at + sizeof(struct nlmsghdr) <= length;) {
        struct nlmsghdr header;
        struct inet_diag_msg found;
        memcpy(&header, bytes + at, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > length - at)
            break;
        if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR)
            more = false;
        if (read_socket(bytes + at, header.nlmsg_len, &found) &&
            found.id.idiag_sport == htons(port))
            visitor(visit, cookie_of(&found));
        at += NLMSG_ALIGN(header.nlmsg_len);
    }
    return more;
}

bool diag_search(int diag, const struct diag_query *query, diag_visitor *visitor, void *visit)
{
    unsigned char piece[PIECE];
    bool more = begin_search(diag, query);
    if (!more)
        return false;
    /* To the end, because the socket may be used again. */
    while (more) {
        ptrdiff_t got = sys_receive(diag, piece, sizeof piece);
        if (got <= 0)
            return false;
        more = read_piece(piece, (size_t)got, query->port, visitor, visit);
    }
    return true;
}

static void find_one(void *visit, uint64_t cookie)
{
    (void)cookie;
    *(bool *)visit = true;
}

bool diag_has(const struct diag_query *query)
{
    bool found = false;
    int diag = diag_socket();
    if (diag < 0)
        return false;
    diag_search(diag, query, find_one, &found);
    sys_close(diag);
    return found;
}
