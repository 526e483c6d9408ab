/*
 * The program's sockets, as the supervisor has them (host.h): by duplicates, and put in their place
 * by the notification in hand (seccomp_unotify(2), SECCOMP_IOCTL_NOTIF_ADDFD).
 */
#include "supervisor/call/host_sockets.h"

#include "guest/host.h"
#include "guest/kernel/epoll_watches.h"
#include "supervisor/linux.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#ifndef CLONE_FILES
#define CLONE_FILES 0x400 /* linux/sched.h */
#endif

int host_socket_number(int fd)
{
    (void)fd; /* a duplicate of the first argument of each call */
    return (int)host_call_current()->pending->notification.data.args[0];
}

int host_socket_open(int number)
{
    return caller_descriptor(host_call_current()->caller, number);
}

void host_socket_close(int fd)
{
    sys_close(fd);
}

/* Whether a descriptor of the program is closed at exec (proc(5), fdinfo). */
static bool closes_at_exec(int pid, int fd)
{
    char text[256], path[64];
    unsigned flags = 0;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, fd);
    int file = sys_open(path, O_RDONLY, 0);
    ptrdiff_t got = file < 0 ? 0 : sys_read(file, text, sizeof text - 1);
    if (file >= 0)
        sys_close(file);
    text[got > 0 ? got : 0] = '\0';
    const char *line = strstr(text, "flags:");
    return line != NULL && sscanf(line, "flags: %o", &flags) == 1 && (flags & O_CLOEXEC) != 0;
}

bool host_sockets_put(const struct host_call *call, int number, int fd)
{
    struct seccomp_notif_addfd fresh = {
        .id = call->pending->notification.id,
        .flags = SECCOMP_ADDFD_FLAG_SETFD,
        .srcfd = (uint32_t)fd,
        .newfd = (uint32_t)number,
        .newfd_flags = closes_at_exec(call->caller->pid, number) ? O_CLOEXEC : 0,
    };
    return ioctl(call->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &fresh) >= 0;
}

/* ---- epoll ---- */

/* A file that a program's epoll instance is to watch under the program's number. */
struct watching {
    int epoll, number, fresh;
    struct epoll_event event;
    bool is_done;
};

/*
 * epoll knows a file by its number, too (epoll_ctl(2)), and the program will name it by its own. A
 * thread with descriptors of its own can have the file there.
 */
static void *watch(void *argument)
{
    struct watching *watching = argument;
    if (sys_call(SYS_unshare, CLONE_FILES) != 0)
        return NULL;
    int above = watching->number + 1;
    long epoll = sys_call(SYS_fcntl, watching->epoll, F_DUPFD_CLOEXEC, above);
    long file = sys_call(SYS_fcntl, watching->fresh, F_DUPFD_CLOEXEC, above);
    watching->is_done = epoll >= 0 && file >= 0 &&
                        sys_call(SYS_dup3, file, watching->number, O_CLOEXEC) >= 0 &&
                        sys_call(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, watching->number,
                                 &watching->event) == 0;
    return NULL;
}

static bool add_watch(const struct epoll_watch *found, int number, int fresh)
{
    pthread_t thread;
    struct watching watching = {
        .epoll = host_socket_open(found->epoll),
        .number = number,
        .fresh = fresh,
        .event = {.events = found->events, .data.u64 = found->data},
    };
    if (watching.epoll < 0)
        return false;
    if (pthread_create(&thread, NULL, watch, &watching) == 0)
        pthread_join(thread, NULL);
    sys_close(watching.epoll);
    return watching.is_done;
}

/* The fresh file is watched first: where that fails, it is closed, and the old one is in place. */
bool host_socket_replace(int number, int fresh)
{
    const struct host_call *call = host_call_current();
    struct epoll_watch watches[EPOLL_WATCHES];
    int count = epoll_watches_find(call->caller->pid, number, watches);
    for (int i = 0; i < count; i++)
        if (!add_watch(&watches[i], number, fresh))
            return false;
    return count != EPOLL_UNKNOWN && host_sockets_put(call, number, fresh);
}
