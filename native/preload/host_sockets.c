/*
 * The program's own sockets, as the preload library has them (host.h): under the very numbers.
 *
 * Another thread that waits in the old socket when it is replaced goes on waiting there, as it does
 * in one that another thread closes (close(2)): servers start such threads when all is bound.
 */
#include "guest/host.h"
#include "guest/kernel/epoll_watches.h"
#include "guest/kernel/sys.h"

#include <sys/epoll.h>

int host_socket_number(int fd)
{
    return fd;
}

int host_socket_open(int number)
{
    return number;
}

void host_socket_close(int fd)
{
    (void)fd; /* the program's */
}

/* The old file, and with it what watched it, is gone once the fresh one has its number. */
bool host_socket_replace(int number, int fresh)
{
    struct epoll_watch watches[EPOLL_WATCHES];
    int count = epoll_watches_find(0, number, watches);
    long flags = sys_call(SYS_fcntl, number, F_GETFD);
    if (count == EPOLL_UNKNOWN || flags < 0 ||
        sys_call(SYS_dup3, fresh, number, (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0) < 0)
        return false;
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = watches[i].events, .data.u64 = watches[i].data};
        sys_call(SYS_epoll_ctl, watches[i].epoll, EPOLL_CTL_ADD, number, &event);
    }
    return true;
}
