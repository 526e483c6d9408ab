/*
 * The functions of guest/kernel/sys.h on macOS, where they go through libSystem, the only stable
 * interface there. The include path puts this file in the place of the other one, so that nothing
 * of the guest asks which system it is on.
 *
 * What Linux tells of a socket by getsockopt(2) and macOS by libproc is asked for under the same
 * names (`sys_option`): SO_COOKIE, SO_DOMAIN, SO_PROTOCOL. What macOS does not know fails like an
 * option that a kernel lacks.
 */
#ifndef STYXY_SYS_H
#define STYXY_SYS_H

#include "darwin/kernel/socket_facts.h"
#include "guest/kernel/sys_call.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

_Static_assert(sizeof(long) == 8, "Styxy's library is for 64-bit machines");

/* Flags of socket(2) that macOS lacks; sys_socket takes them out again. */
#ifndef SOCK_CLOEXEC
#define SOCK_CLOEXEC 0x10000000
#define SOCK_NONBLOCK 0x20000000
#endif

/* Headers may know the flag where the kernel does not; sockets of ours have SO_NOSIGPIPE. */
#ifdef SO_NOSIGPIPE
#undef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* What of a file's status the guest asks for: the part of statx(2) that stat(2) has, too. */
struct statx {
    uint32_t stx_mode, stx_uid, stx_dev_major, stx_dev_minor;
    uint64_t stx_ino;
    int64_t stx_size;
};

static inline void sys_close(int fd)
{
    close(fd);
}

/* Keep a descriptor of ours off 0, 1 and 2, which the program may have closed and yet print to. */
static inline int sys_above_stdio(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    sys_close(fd);
    return lifted;
}

static inline int sys_open(const char *path, int flags, unsigned mode)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return sys_above_stdio(fd);
}

static inline int sys_socket(int family, int type, int protocol)
{
    int fd = socket(family, type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK), protocol);
    if (fd < 0)
        return fd;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if ((type & SOCK_NONBLOCK) != 0)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    socket_keep_quiet(fd);
    return sys_above_stdio(fd);
}

static inline ptrdiff_t sys_read(int fd, void *into, size_t room)
{
    ptrdiff_t got;
    do
        got = read(fd, into, room);
    while (got < 0 && errno == EINTR);
    return got;
}

static inline ptrdiff_t sys_pread(int fd, void *into, size_t room, long offset)
{
    ptrdiff_t got;
    do
        got = pread(fd, into, room, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

/* To sockets of ours alone; quiet_write.h has what writes to others. */
static inline ptrdiff_t sys_send(int fd, const void *from, size_t length)
{
    return sendto(fd, from, length, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
}

static inline ptrdiff_t sys_receive(int fd, void *into, size_t room)
{
    return recvfrom(fd, into, room, MSG_DONTWAIT, NULL, NULL);
}

static inline bool sys_option(int fd, int level, int name, void *value, socklen_t length)
{
    return level == SOL_SOCKET && name >= SOCKET_FACTS ? socket_fact(fd, name, value)
                                                       : getsockopt(fd, level, name, value,
                                                                    &length) == 0;
}

/* BSD's switches read as the bit that they are; they are 1 here, as on Linux. */
static inline int sys_int_option(int fd, int name)
{
    int value = -1;
    if (!sys_option(fd, SOL_SOCKET, name, &value, sizeof value))
        return -1;
    bool is_switch = name == SO_REUSEADDR || name == SO_REUSEPORT || name == SO_BROADCAST ||
                     name == SO_ACCEPTCONN;
    return is_switch ? value != 0 : value;
}

static inline bool sys_status_of(int result, const struct stat *found, struct statx *status)
{
    if (result != 0)
        return false;
    *status = (struct statx){
        .stx_mode = found->st_mode,
        .stx_uid = found->st_uid,
        .stx_dev_major = (uint32_t)((uint64_t)found->st_dev >> 24 & 0xff),
        .stx_dev_minor = (uint32_t)((uint64_t)found->st_dev & 0xffffff),
        .stx_ino = found->st_ino,
        .stx_size = found->st_size,
    };
    return true;
}

static inline bool sys_status(int fd, struct statx *status)
{
    struct stat found;
    return sys_status_of(fstat(fd, &found), &found, status);
}

static inline bool sys_status_at(const char *path, struct statx *status)
{
    struct stat found;
    return sys_status_of(stat(path, &found), &found, status);
}

static inline struct timespec sys_time(clockid_t clock)
{
    struct timespec now = {0, 0};
    clock_gettime(clock, &now);
    return now;
}

#include "guest/kernel/sys_common.h"

/* The transport of a socket of the family AF_INET or AF_INET6; OTHER for any other socket. */
static inline enum transport sys_transport(int fd, int family)
{
    struct socket_facts facts;
    if (!socket_facts(fd, &facts) || facts.domain != family)
        return TRANSPORT_OTHER;
    if (facts.type == SOCK_STREAM && facts.protocol == IPPROTO_TCP)
        return TRANSPORT_TCP;
    return facts.type == SOCK_DGRAM && facts.protocol == IPPROTO_UDP ? TRANSPORT_UDP
                                                                     : TRANSPORT_OTHER;
}

/* Whether a socket is neither connected nor connecting, as far as TCP knows. */
static inline bool sys_is_unconnected(int fd)
{
    struct socket_facts facts;
    return !socket_facts(fd, &facts) || !facts.is_connected;
}

/* BSD lets a socket with SO_REUSEADDR listen at one address beside another at all of them. */
static inline bool sys_shares_ports(int fd)
{
    return sys_int_option(fd, SO_REUSEPORT) == 1 || sys_int_option(fd, SO_REUSEADDR) == 1;
}

#endif
