/*
 * The standby: see standby.h.
 *
 * Theory of operation. A signal says that the supervisor is dying (PR_SET_PDEATHSIG), because a
 * descriptor would be one more to hold. It is gone, with all its threads and descriptors, a moment
 * later. The listener says that the tree is gone: POLLHUP when no task uses the filter any more.
 */
#include "supervisor/process/standby.h"

#include "supervisor/linux.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

enum {
    KEPT_FD = 0,
    MOST_WAIT_MS = 1000, /* for the last thread of the dying one; the pid may be another's by now */
};

/* Whether the socket of a bind has a port: then the dead supervisor had performed the bind. */
static bool is_bound(const struct seccomp_notif *call)
{
    struct sockaddr_in6 name = {0};
    socklen_t length = sizeof name;
    int pidfd = (int)sys_call(SYS_pidfd_open, call->pid, PIDFD_THREAD);
    if (pidfd < 0)
        pidfd = (int)sys_call(SYS_pidfd_open, call->pid, 0);
    int fd = pidfd < 0 ? -1 : (int)sys_call(SYS_pidfd_getfd, pidfd, (int)call->data.args[0], 0);
    if (pidfd >= 0)
        sys_close(pidfd);
    if (fd < 0)
        return false;
    bool bound = sys_call(SYS_getsockname, fd, &name, &length) == 0 && name.sin6_port != 0;
    sys_close(fd);
    return bound;
}

static void finish_pending_call(struct pending_call *pending)
{
    uint64_t id = pending->notification.id;
    if (id == 0)
        return;
    /* Killed during a bind, before recording its result: a second one would say EINVAL. */
    bool is_decided = atomic_load(&pending->decided_id) == id;
    if (!is_decided && atomic_load(&pending->binding_id) == id && is_bound(&pending->notification))
        pending_call_set_result(pending, 0, 0);
    else if (!is_decided)
        pending_call_let_through(pending);
    pending_call_send(pending, KEPT_FD);
}

static void let_all_through(struct pending_call *pending)
{
    for (;;) {
        struct pollfd watched = {.fd = KEPT_FD, .events = POLLIN};
        if (poll(&watched, 1, -1) < 0 && errno != EINTR)
            return;
        if ((watched.revents & POLLIN) != 0 && pending_call_receive(pending, KEPT_FD)) {
            pending_call_let_through(pending);
            pending_call_send(pending, KEPT_FD);
        } else if ((watched.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
            return;
        }
    }
}

/*
 * Wait until its last thread has ended. Until then it may have a duplicate of the program's socket
 * open, which keeps the port, and may be performing a call.
 */
static void wait_gone(pid_t supervisor)
{
    struct pollfd watched = {.fd = (int)sys_call(SYS_pidfd_open, supervisor, 0), .events = POLLIN};
    if (watched.fd < 0)
        return; /* ESRCH: it has been reaped */
    poll(&watched, 1, MOST_WAIT_MS);
    sys_close(watched.fd);
}

static void stand_by(struct pending_call *pending, int listener, pid_t supervisor)
{
    sigset_t death;
    prctl(PR_SET_NAME, "styxy-standby", 0, 0, 0);
    sigfillset(&death);
    sigprocmask(SIG_BLOCK, &death, NULL);
    sys_call(SYS_dup3, listener, KEPT_FD, O_CLOEXEC);
    sys_close_from(KEPT_FD + 1);
    sigemptyset(&death);
    sigaddset(&death, SIGUSR1);
    prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
    /* It may have died before PR_SET_PDEATHSIG. */
    while (getppid() == supervisor) {
        struct timespec a_while = {.tv_sec = 3600};
        sigtimedwait(&death, NULL, &a_while);
    }
    wait_gone(supervisor);
    finish_pending_call(pending);
    let_all_through(pending);
}

pid_t standby_start(struct pending_call *pending, int listener)
{
    pid_t supervisor = getpid();
    pid_t standby = fork();
    if (standby == 0) {
        stand_by(pending, listener, supervisor);
        _exit(0);
    }
    return standby;
}
