/*
 * The keeper: see keeper.h.
 *
 * Theory of operation. That the supervisor dies comes as a signal (PR_SET_PDEATHSIG), for a
 * descriptor would be one more; that it is dead, with all its threads and descriptors, a moment
 * later. That the tree is gone the listener tells: POLLHUP when no task
 * uses the filter.
 */
#include "supervisor/process/standby.h"

#include "supervisor/linux.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

enum {
    KEPT_FD = 0,
    MOST_WAIT_MS = 1000, /* for the last thread of one that is dying: the pid may be another's */
};

/* Whether the socket of a call of bind has a port: the dead supervisor had performed it. */
static bool is_bound(const struct seccomp_notif *call)
{
    struct sockaddr_in6 name = {0};
    socklen_t length = sizeof name;
    int pidfd = (int)syscall(SYS_pidfd_open, call->pid, PIDFD_THREAD);
    if (pidfd < 0)
        pidfd = (int)syscall(SYS_pidfd_open, call->pid, 0);
    int fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, (int)call->data.args[0], 0);
    if (pidfd >= 0)
        sys_close(pidfd);
    if (fd < 0)
        return false;
    bool bound = syscall(SYS_getsockname, fd, &name, &length) == 0 && name.sin6_port != 0;
    sys_close(fd);
    return bound;
}

static void finish_what_was_in_hand(struct ledger *ledger)
{
    uint64_t id = ledger->call.id;
    if (id == 0)
        return;
    /* Killed during a bind, before it could note what came out: the kernel would say EINVAL. */
    bool settled = atomic_load(&ledger->settled) == id;
    if (!settled && atomic_load(&ledger->binding) == id && is_bound(&ledger->call))
        ledger_settle(ledger, 0, 0);
    else if (!settled)
        ledger_let_through(ledger);
    ledger_send(ledger, KEPT_FD);
}

static void let_through(struct ledger *ledger)
{
    for (;;) {
        struct pollfd watched = {.fd = KEPT_FD, .events = POLLIN};
        if (poll(&watched, 1, -1) < 0 && errno != EINTR)
            return;
        if ((watched.revents & POLLIN) != 0 && ledger_receive(ledger, KEPT_FD)) {
            ledger_let_through(ledger);
            ledger_send(ledger, KEPT_FD);
        } else if ((watched.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
            return;
        }
    }
}

/*
 * Wait until the last of its threads has ended. Until then a duplicate of the program's socket may
 * be open, which keeps its port, and a call be performed.
 */
static void wait_gone(pid_t supervisor)
{
    struct pollfd watched = {.fd = (int)syscall(SYS_pidfd_open, supervisor, 0), .events = POLLIN};
    if (watched.fd < 0)
        return; /* ESRCH: somebody has reaped it */
    poll(&watched, 1, MOST_WAIT_MS);
    sys_close(watched.fd);
}

static void keep(struct ledger *ledger, int listener, pid_t supervisor)
{
    sigset_t death;
    prctl(PR_SET_NAME, "styxy-keeper", 0, 0, 0);
    sigfillset(&death);
    sigprocmask(SIG_BLOCK, &death, NULL);
    syscall(SYS_dup3, listener, KEPT_FD, O_CLOEXEC);
    sys_close_from(KEPT_FD + 1);
    sigemptyset(&death);
    sigaddset(&death, SIGUSR1);
    prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
    /* It may have died before it could be waited for. */
    while (getppid() == supervisor) {
        struct timespec a_while = {.tv_sec = 3600};
        sigtimedwait(&death, NULL, &a_while);
    }
    wait_gone(supervisor);
    finish_what_was_in_hand(ledger);
    let_through(ledger);
}

pid_t keeper_start(struct ledger *ledger, int listener)
{
    pid_t supervisor = getpid();
    pid_t keeper = fork();
    if (keeper == 0) {
        keep(ledger, listener, supervisor);
        _exit(0);
    }
    return keeper;
}
