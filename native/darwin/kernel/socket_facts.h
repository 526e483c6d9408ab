/*
 * What is to be known of one of this process's sockets beside its options: libproc tells it
 * (proc_pidfdinfo in <libproc.h>), in one call.
 *
 * A socket's cookie is the number that the kernel gives each protocol control block when it makes
 * it (inp_gencnt), which the kernel's list of sockets has, too (sysctl_records.h).
 */
#ifndef STYXY_SOCKET_FACTS_H
#define STYXY_SOCKET_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The names of Linux's options, as numbers that are no option of macOS. */
#undef SO_COOKIE
#undef SO_DOMAIN
#undef SO_PROTOCOL
#undef SO_NETNS_COOKIE
#undef SO_PEERCRED
#define SOCKET_FACTS 0x7f000001
#define SO_COOKIE 0x7f000001
#define SO_DOMAIN 0x7f000002
#define SO_PROTOCOL 0x7f000003
#define SO_NETNS_COOKIE 0x7f000004
#define SO_PEERCRED 0x7f000005

struct socket_facts {
    int domain, type, protocol;
    bool is_connected; /* or connecting, by TCP */
    uint64_t cookie;   /* 0 = it has none: no socket of TCP or UDP */
};

/* Learn all of a socket; false where the descriptor is none. */
bool socket_facts(int fd, struct socket_facts *facts);

/*
 * Learn one: a uint64_t of SO_COOKIE, pid, uid and gid of SO_PEERCRED, an int of the others; false
 * where it is not to be had.
 */
bool socket_fact(int fd, int name, void *value);

/* Make a cookie of a control block's number: TCP and UDP count for themselves. */
uint64_t socket_cookie(uint64_t number, bool is_udp);

/* Have a socket of ours raise no SIGPIPE. */
void socket_keep_quiet(int fd);

#endif
