/* Signs of multicast on a socket that need no watching of its options. */
#include "guest/kernel/multicast.h"
#include "guest/kernel/sys.h"

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

bool multicast_is_used(int fd)
{
    return may_be_in_a_group(fd) || has_multicast_options(fd);
}
