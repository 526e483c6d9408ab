/*
 * The kernel, called directly.
 *
 * Not through libc's wrappers: connect, poll, read and close are cancellation points and bind is
 * not, other preload libraries may stand in front of them and of syscall(2), and some have symbol
 * versions that an older libc lacks. Each call sets errno as usual. Nothing here allocates or locks, so all of it
 * may run in a signal handler and between vfork and exec.
 *
 * A sandbox (seccomp) that answers one of these calls with an error makes Styxy absent. One that
 * kills its program for a call that libc itself never makes cannot be helped from here:
 * STYXY_DISABLE_REASSIGN=1 keeps us out of that program.
 */
#ifndef STYXY_SYS_H
#define STYXY_SYS_H

#include "guest/kernel/sys_call.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#ifndef O_PATH
#define O_PATH 010000000 /* open(2); glibc shows this and the next one with _GNU_SOURCE only */
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000 /* stat(2) */
#endif

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* linux/in.h; its ports are those of TCP */
#endif

/* Offsets and times are passed as the kernels of 64-bit machines take them. */
_Static_assert(sizeof(long) == 8, "Styxy's library is for 64-bit machines");

enum { SYS_STAT_MASK = STATX_TYPE | STATX_MODE | STATX_UID | STATX_INO | STATX_SIZE };

static inline void sys_close(int fd)
{
    /*
     * Linux has released the descriptor even if this says EINTR (close(2)): never close it again.
     */
    sys_call(SYS_close, fd);
}

/* Keep a descriptor of ours off 0, 1 and 2, which the program may have closed and yet print to. */
static inline int sys_above_stdio(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int lifted = (int)sys_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
    sys_close(fd);
    return lifted;
}

static inline int sys_open(const char *path, int flags, unsigned mode)
{
    int fd;
    do
        fd = (int)sys_call(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return sys_above_stdio(fd);
}

static inline int sys_socket(int family, int type, int protocol)
{
    return sys_above_stdio((int)sys_call(SYS_socket, family, type | SOCK_CLOEXEC, protocol));
}

static inline ptrdiff_t sys_read(int fd, void *into, size_t room)
{
    ptrdiff_t got;
    do
        got = sys_call(SYS_read, fd, into, room);
    while (got < 0 && errno == EINTR);
    return got;
}

static inline ptrdiff_t sys_pread(int fd, void *into, size_t room, long offset)
{
    ptrdiff_t got;
    do
        got = sys_call(SYS_pread64, fd, into, room, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Never fails with EINTR, because it never waits. */
static inline ptrdiff_t sys_send(int fd, const void *from, size_t length)
{
    return sys_call(SYS_sendto, fd, from, length, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
}

static inline ptrdiff_t sys_receive(int fd, void *into, size_t room)
{
    return sys_call(SYS_recvfrom, fd, into, room, MSG_DONTWAIT, NULL, NULL);
}

static inline bool sys_option(int fd, int level, int name, void *value, socklen_t length)
{
    return sys_call(SYS_getsockopt, fd, level, name, value, &length) == 0;
}

static inline int sys_int_option(int fd, int name)
{
    int value = -1;
    return sys_option(fd, SOL_SOCKET, name, &value, sizeof value) ? value : -1;
}

static inline bool sys_status(int fd, struct statx *status)
{
    return sys_call(SYS_statx, fd, "", AT_EMPTY_PATH, SYS_STAT_MASK, status) == 0;
}

static inline bool sys_status_at(const char *path, struct statx *status)
{
    return sys_call(SYS_statx, AT_FDCWD, path, 0, SYS_STAT_MASK, status) == 0;
}

/* The time of a clock, zero where there is none: not libc's, which libfaketime may have stopped. */
static inline struct timespec sys_time(clockid_t clock)
{
    struct timespec now = {0, 0};
    sys_call(SYS_clock_gettime, clock, &now);
    return now;
}

#include "guest/kernel/sys_common.h"

/* The transport of a socket of the family AF_INET or AF_INET6; OTHER for any other socket. */
static inline enum transport sys_transport(int fd, int family)
{
    if (sys_int_option(fd, SO_DOMAIN) != family)
        return TRANSPORT_OTHER;
    int type = sys_int_option(fd, SO_TYPE), protocol = sys_int_option(fd, SO_PROTOCOL);
    if (type == SOCK_STREAM && (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP))
        return TRANSPORT_TCP;
    return type == SOCK_DGRAM && protocol == IPPROTO_UDP ? TRANSPORT_UDP : TRANSPORT_OTHER;
}

/* Whether a socket is neither connected nor connecting, as far as TCP knows (tcp(7)). */
static inline bool sys_is_unconnected(int fd)
{
    enum { INFO = 11 /* TCP_INFO */, STATE_CLOSE = 7 /* net/tcp_states.h */ };
    unsigned char state = STATE_CLOSE; /* the first field of struct tcp_info */
    return !sys_option(fd, IPPROTO_TCP, INFO, &state, sizeof state) || state == STATE_CLOSE;
}

/* Whether the kernel may let a socket listen beside another at any address of the same port. */
static inline bool sys_shares_ports(int fd)
{
    return sys_int_option(fd, SO_REUSEPORT) == 1;
}

#endif
