/*
 * The calls of guest/kernel/sys_call.h, by the functions of libSystem: the numbers of system calls
 * are no interface on macOS. In a library with an `__interpose` section these names mean the real
 * functions, for dyld leaves the library's own calls alone.
 *
 * `sys_call(SYS_bind, ...)` becomes `SYS_CALL_SYS_bind(...)`; a call that no one has needed before
 * does not compile.
 */
#ifndef STYXY_SYS_CALL_H
#define STYXY_SYS_CALL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define sys_call(number, ...) SYS_CALL_##number(__VA_ARGS__)

#define SYS_CALL_SYS_bind(fd, address, length) bind(fd, (const struct sockaddr *)(address), length)
#define SYS_CALL_SYS_connect(fd, address, length)                                                  \
    connect(fd, (const struct sockaddr *)(address), length)
#define SYS_CALL_SYS_listen(...) listen(__VA_ARGS__)
#define SYS_CALL_SYS_getsockname(fd, address, length)                                              \
    getsockname(fd, (struct sockaddr *)(address), length)
#define SYS_CALL_SYS_getpeername(fd, address, length)                                              \
    getpeername(fd, (struct sockaddr *)(address), length)
#define SYS_CALL_SYS_getsockopt(...) getsockopt(__VA_ARGS__)
#define SYS_CALL_SYS_setsockopt(...) setsockopt(__VA_ARGS__)
#define SYS_CALL_SYS_sendto(fd, bytes, count, flags, address, length)                              \
    sendto(fd, bytes, count, flags, (const struct sockaddr *)(address), length)
#define SYS_CALL_SYS_fcntl(...) fcntl(__VA_ARGS__)
#define SYS_CALL_SYS_dup3(...) sys_call_dup3(__VA_ARGS__)
#define SYS_CALL_SYS_write(...) write(__VA_ARGS__)
#define SYS_CALL_SYS_lseek(...) lseek(__VA_ARGS__)
#define SYS_CALL_SYS_readlinkat(...) readlinkat(__VA_ARGS__)
#define SYS_CALL_SYS_getcwd(...) sys_call_getcwd(__VA_ARGS__)
#define SYS_CALL_SYS_mmap(...) ((long)(intptr_t)mmap(__VA_ARGS__))
#define SYS_CALL_SYS_munmap(where, length) munmap((void *)(intptr_t)(where), length)
#define SYS_CALL_SYS_ppoll(watched, count, time, ...) sys_call_poll(watched, count, time)
#define SYS_CALL_SYS_nanosleep(...) nanosleep(__VA_ARGS__)
#define SYS_CALL_SYS_sched_yield() sched_yield()
#define SYS_CALL_SYS_getpid() getpid()
#define SYS_CALL_SYS_getuid() getuid()
#define SYS_CALL_SYS_geteuid() geteuid()
#define SYS_CALL_SYS_execve(...) execve(__VA_ARGS__)
#define SYS_CALL_SYS_memfd_create(...) sys_call_nameless_file()

/* dup3(2), which macOS lacks: another thread that forks in between passes the descriptor on. */
static inline int sys_call_dup3(int from, int to, int flags)
{
    int fd = dup2(from, to);
    if (fd >= 0 && (flags & O_CLOEXEC) != 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

/* The length of the path with its NUL, as Linux's call has it. */
static inline long sys_call_getcwd(char *into, size_t room)
{
    long length = 0;
    if (getcwd(into, room) == NULL)
        return -1;
    while (into[length++] != '\0')
        continue;
    return length;
}

/* A file that is gone with its descriptor, as memfd_create(2) makes one in memory. */
static inline int sys_call_nameless_file(void)
{
    char path[] = "/tmp/styxy-XXXXXX";
    int fd = mkstemp(path);
    if (fd >= 0) {
        unlink(path);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return fd;
}

/* ppoll(2) with no mask, to the millisecond: a wait is never shorter than it was asked for. */
static inline int sys_call_poll(struct pollfd *watched, unsigned count, const struct timespec *time)
{
    return poll(watched, count, (int)(time->tv_sec * 1000 + (time->tv_nsec + 999999) / 1000000));
}

#endif
