/*
 * The options of a socket, on macOS.
 *
 * guest/calls/options.h: copying a socket without its address. Only what differs from a fresh
 * socket is set.
 *
 * guest/kernel/multicast.h: by the options for sending to groups alone. Nothing tells which groups
 * a socket has joined, which Linux charges to its memory. Who joins one shares the port, as a rule,
 * by SO_REUSEPORT or SO_REUSEADDR, and such a socket is not moved (udp.c).
 */
#include "guest/calls/options.h"
#include "guest/kernel/multicast.h"
#include "guest/kernel/sys.h"

#include <netinet/tcp.h>
#include <string.h>

enum { LONGEST_OPTION = 16 };

struct option {
    int level, name;
};

/* setsockopt(2), ip(4), ip6(4), tcp(4). */
static const struct option OPTIONS[] = {
    {SOL_SOCKET, SO_REUSEADDR},
    {SOL_SOCKET, SO_REUSEPORT},
    {SOL_SOCKET, SO_KEEPALIVE},
    {SOL_SOCKET, SO_DONTROUTE},
    {SOL_SOCKET, SO_OOBINLINE},
    {SOL_SOCKET, SO_BROADCAST},
    {SOL_SOCKET, SO_TIMESTAMP},
    {SOL_SOCKET, SO_NOSIGPIPE},
    {SOL_SOCKET, SO_RCVLOWAT},
    {SOL_SOCKET, SO_SNDLOWAT},
    {SOL_SOCKET, SO_RCVBUF},
    {SOL_SOCKET, SO_SNDBUF},
    {SOL_SOCKET, SO_LINGER},
    {SOL_SOCKET, SO_RCVTIMEO},
    {SOL_SOCKET, SO_SNDTIMEO},
    {IPPROTO_IP, IP_TOS},
    {IPPROTO_IP, IP_TTL},
    {IPPROTO_IP, IP_RECVDSTADDR},
    {IPPROTO_IP, IP_RECVIF},
    {IPPROTO_IP, IP_RECVTTL},
    {IPPROTO_IP, IP_BOUND_IF},
    {IPPROTO_IPV6, IPV6_V6ONLY},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {IPPROTO_IPV6, IPV6_TCLASS},
    {IPPROTO_IPV6, IPV6_BOUND_IF},
    {IPPROTO_TCP, TCP_NODELAY},
    {IPPROTO_TCP, TCP_NOPUSH},
    {IPPROTO_TCP, TCP_KEEPALIVE},
    {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT},
    {IPPROTO_TCP, TCP_CONNECTIONTIMEOUT},
    {IPPROTO_TCP, TCP_SENDMOREACKS},
    {IPPROTO_TCP, TCP_FASTOPEN},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
};

struct value {
    unsigned char bytes[LONGEST_OPTION];
    socklen_t length;
};

static bool read_option(int fd, const struct option *option, struct value *value)
{
    *value = (struct value){.length = LONGEST_OPTION};
    return getsockopt(fd, option->level, option->name, value->bytes, &value->length) == 0;
}

static void copy_options(int from, int to)
{
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++) {
        struct value wanted, fresh;
        if (!read_option(from, &OPTIONS[i], &wanted) || !read_option(to, &OPTIONS[i], &fresh))
            continue;
        if (wanted.length == fresh.length &&
            memcmp(wanted.bytes, fresh.bytes, wanted.length) == 0)
            continue;
        setsockopt(to, OPTIONS[i].level, OPTIONS[i].name, wanted.bytes, wanted.length);
    }
}

/* Copy what belongs to the open file: O_NONBLOCK and the like, and who gets its signals. */
static void copy_file_flags(int from, int to)
{
    int flags = fcntl(from, F_GETFL), owner = fcntl(from, F_GETOWN);
    if (owner != 0 && owner != -1)
        fcntl(to, F_SETOWN, owner);
    if (flags >= 0)
        fcntl(to, F_SETFL, flags);
}

int socket_like(int fd)
{
    int fresh = sys_socket(sys_int_option(fd, SO_DOMAIN), sys_int_option(fd, SO_TYPE),
                           sys_int_option(fd, SO_PROTOCOL));
    if (fresh >= 0) {
        copy_options(fd, fresh);
        copy_file_flags(fd, fresh);
    }
    return fresh;
}

/* ---- groups ---- */

/* What the options of a fresh socket say: ip(4), ip6(4). */
static const struct {
    int level, name, usual;
} GROUP_OPTIONS[] = {
    {IPPROTO_IP, IP_MULTICAST_TTL, 1},
    {IPPROTO_IP, IP_MULTICAST_LOOP, 1},
    {IPPROTO_IP, IP_MULTICAST_IF, INADDR_ANY},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1},
    {IPPROTO_IPV6, IPV6_MULTICAST_IF, 0},
};

/* The kernel gives IPv4's as a byte or as an int, as the room for them is. */
static bool is_usual(int fd, size_t option)
{
    int level = GROUP_OPTIONS[option].level, usual = GROUP_OPTIONS[option].usual, value = usual;
    return !sys_option(fd, level, GROUP_OPTIONS[option].name, &value, sizeof value) ||
           value == usual;
}

bool multicast_is_used(int fd)
{
    for (size_t i = 0; i < sizeof GROUP_OPTIONS / sizeof *GROUP_OPTIONS; i++)
        if (!is_usual(fd, i))
            return true;
    return false;
}
