/*
 * Copying a socket without its address: see options.h.
 *
 * Only what differs from a fresh socket is set: setting the size of a buffer, even to what it is,
 * switches its automatic growth off (tcp(7)).
 */
#include "guest/calls/options.h"

#include "guest/kernel/sys.h"

#include <linux/tcp.h>
#include <string.h>

/* linux/in.h, linux/in6.h and linux/udp.h; the libc headers of old systems lack them. */
enum {
    OPTION_IP_BIND_ADDRESS_NO_PORT = 24,
    OPTION_IPV6_ADDR_PREFERENCES = 72,
    OPTION_IPV6_MINHOPCOUNT = 73,
    OPTION_IPV6_AUTOFLOWLABEL = 70,
    OPTION_IPV6_TRANSPARENT = 75,
    OPTION_IPV6_FREEBIND = 78,
    OPTION_IPV6_RECVORIGDSTADDR = 74,
    OPTION_UDP_NO_CHECK6_TX = 101,
    OPTION_UDP_NO_CHECK6_RX = 102,
    OPTION_UDP_SEGMENT = 103,
    OPTION_UDP_GRO = 104,
    LONGEST_OPTION = 16,
};

enum kind {
    NUMBER, /* an int */
    WHOLE,  /* a struct or a name, as long as the kernel says */
    BUFFER, /* an int that the kernel doubles when it is set (socket(7)) */
};

struct option {
    int level, name;
    enum kind kind;
};

static const struct option OPTIONS[] = {
    {SOL_SOCKET, SO_REUSEADDR, NUMBER},
    {SOL_SOCKET, SO_REUSEPORT, NUMBER},
    {SOL_SOCKET, SO_KEEPALIVE, NUMBER},
    {SOL_SOCKET, SO_DONTROUTE, NUMBER},
    {SOL_SOCKET, SO_OOBINLINE, NUMBER},
    {SOL_SOCKET, SO_BROADCAST, NUMBER},
    {SOL_SOCKET, SO_NO_CHECK, NUMBER},
    {SOL_SOCKET, SO_RXQ_OVFL, NUMBER},
    {SOL_SOCKET, SO_PRIORITY, NUMBER},
    {SOL_SOCKET, SO_RCVLOWAT, NUMBER},
    {SOL_SOCKET, SO_TIMESTAMP, NUMBER},
    {SOL_SOCKET, SO_TIMESTAMPNS, NUMBER},
    {SOL_SOCKET, SO_BUSY_POLL, NUMBER},
    {SOL_SOCKET, SO_MARK, NUMBER},
    {SOL_SOCKET, SO_ZEROCOPY, NUMBER},
    {SOL_SOCKET, SO_RCVBUF, BUFFER},
    {SOL_SOCKET, SO_SNDBUF, BUFFER},
    {SOL_SOCKET, SO_LINGER, WHOLE},
    {SOL_SOCKET, SO_RCVTIMEO, WHOLE},
    {SOL_SOCKET, SO_SNDTIMEO, WHOLE},
    {SOL_SOCKET, SO_BINDTODEVICE, WHOLE},
    {IPPROTO_IP, IP_TOS, NUMBER},
    {IPPROTO_IP, IP_TTL, NUMBER},
    {IPPROTO_IP, IP_MTU_DISCOVER, NUMBER},
    {IPPROTO_IP, IP_PKTINFO, NUMBER},
    {IPPROTO_IP, IP_RECVTTL, NUMBER},
    {IPPROTO_IP, IP_RECVTOS, NUMBER},
    {IPPROTO_IP, IP_RECVERR, NUMBER},
    {IPPROTO_IP, IP_RECVORIGDSTADDR, NUMBER},
    {IPPROTO_IP, IP_FREEBIND, NUMBER},
    {IPPROTO_IP, IP_TRANSPARENT, NUMBER},
    {IPPROTO_IP, IP_MINTTL, NUMBER},
    {IPPROTO_IP, OPTION_IP_BIND_ADDRESS_NO_PORT, NUMBER},
    {IPPROTO_IPV6, IPV6_V6ONLY, NUMBER},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, NUMBER},
    {IPPROTO_IPV6, IPV6_TCLASS, NUMBER},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, NUMBER},
    {IPPROTO_IPV6, IPV6_RECVERR, NUMBER},
    {IPPROTO_IPV6, OPTION_IPV6_RECVORIGDSTADDR, NUMBER},
    {IPPROTO_IPV6, OPTION_IPV6_AUTOFLOWLABEL, NUMBER},
    {IPPROTO_IPV6, OPTION_IPV6_ADDR_PREFERENCES, NUMBER},
    {IPPROTO_IPV6, OPTION_IPV6_MINHOPCOUNT, NUMBER},
    {IPPROTO_IPV6, OPTION_IPV6_TRANSPARENT, NUMBER},
    {IPPROTO_IPV6, OPTION_IPV6_FREEBIND, NUMBER},
    {IPPROTO_TCP, TCP_NODELAY, NUMBER},
    {IPPROTO_TCP, TCP_CORK, NUMBER},
    {IPPROTO_TCP, TCP_KEEPIDLE, NUMBER},
    {IPPROTO_TCP, TCP_KEEPINTVL, NUMBER},
    {IPPROTO_TCP, TCP_KEEPCNT, NUMBER},
    {IPPROTO_TCP, TCP_SYNCNT, NUMBER},
    {IPPROTO_TCP, TCP_LINGER2, NUMBER},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, NUMBER},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, NUMBER},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, NUMBER},
    {IPPROTO_TCP, TCP_FASTOPEN, NUMBER},
    {IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, NUMBER},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, NUMBER},
    {IPPROTO_TCP, TCP_SAVE_SYN, NUMBER},
    {IPPROTO_TCP, TCP_CONGESTION, WHOLE},
    {IPPROTO_UDP, OPTION_UDP_NO_CHECK6_TX, NUMBER},
    {IPPROTO_UDP, OPTION_UDP_NO_CHECK6_RX, NUMBER},
    {IPPROTO_UDP, OPTION_UDP_SEGMENT, NUMBER},
    {IPPROTO_UDP, OPTION_UDP_GRO, NUMBER},
};

/* fcntl(2); glibc shows them with _GNU_SOURCE only. */
enum { GET_OWNER = 16, SET_OWNER = 15, GET_SIGNAL = 11, SET_SIGNAL = 10 };

struct owner {
    int type;
    int pid;
};

struct value {
    unsigned char bytes[LONGEST_OPTION];
    socklen_t length;
};

static bool read_option(int fd, const struct option *option, struct value *value)
{
    *value = (struct value){.length = option->kind == WHOLE ? LONGEST_OPTION : sizeof(int)};
    return sys_call(SYS_getsockopt, fd, option->level, option->name, value->bytes,
                   &value->length) == 0;
}

static void halve(struct value *value)
{
    int number;
    memcpy(&number, value->bytes, sizeof number);
    number /= 2;
    memcpy(value->bytes, &number, sizeof number);
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
        if (OPTIONS[i].kind == BUFFER)
            halve(&wanted);
        sys_call(SYS_setsockopt, to, OPTIONS[i].level, OPTIONS[i].name, wanted.bytes,
                wanted.length);
    }
}

/* Copy what belongs to the open file: O_NONBLOCK and the like, and who gets its signals. */
static void copy_file_flags(int from, int to)
{
    struct owner owner = {0, 0};
    long flags = sys_call(SYS_fcntl, from, F_GETFL);
    long signal = sys_call(SYS_fcntl, from, GET_SIGNAL);
    if (sys_call(SYS_fcntl, from, GET_OWNER, &owner) == 0 && owner.pid != 0)
        sys_call(SYS_fcntl, to, SET_OWNER, &owner);
    if (signal > 0)
        sys_call(SYS_fcntl, to, SET_SIGNAL, signal);
    if (flags >= 0)
        sys_call(SYS_fcntl, to, F_SETFL, flags);
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
