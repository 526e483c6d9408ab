/*
 * The supervisor's work: see process_tree.h.
 *
 * Theory of operation. Two threads share the work, and no memory that both write. One takes the
 * calls, waiting for the next one in the kernel's own queue: waiting by poll(2), together with
 * everything else, would cost each call of the tree a microsecond. It is started at the first call,
 * because most programs make none. The other one, the process's first, waits for everything else:
 * children, the proxy process, and the end of the tree. They exclude each other where a standby is
 * forked: if it inherited a duplicate of a program's socket, that would hold the port for a moment
 * after the program has closed it.
 */
#include "supervisor/process/process_tree.h"

#include "supervisor/call/dispatch.h"
#include "supervisor/call/host_calls.h"
#include "supervisor/linux.h"
#include "supervisor/process/proxy_process.h"
#include "supervisor/process/standby.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

/* A fair lock, held while a call is performed or a process forked: `turn` is whose turn is next. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER, busy = PTHREAD_MUTEX_INITIALIZER;

static void lock_fairly(void)
{
    pthread_mutex_lock(&turn);
    pthread_mutex_lock(&busy);
    pthread_mutex_unlock(&turn);
}

static void unlock(void)
{
    pthread_mutex_unlock(&busy);
}

/*
 * A caller that is gone when its response is sent was interrupted by a signal, and will call again.
 * That happens before Linux 5.19 only (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).
 */
static void take_calls(const struct process_tree *tree)
{
    while (pending_call_receive(tree->pending, tree->listener)) {
        lock_fairly();
        dispatch_call(tree->pending, tree->listener);
        unlock();
        pending_call_send(tree->pending, tree->listener);
    }
}

/* There may be nothing to receive: a caller is gone (ENOENT), or the whole tree is. */
static void *serve_calls(void *argument)
{
    const struct process_tree *tree = argument;
    host_calls_start();
    for (;;) {
        struct pollfd calls = {.fd = tree->listener, .events = POLLIN};
        take_calls(tree);
        if (poll(&calls, 1, -1) > 0 && (calls.revents & POLLIN) == 0)
            return NULL;
    }
}

static bool is_end(const siginfo_t *what)
{
    return what->si_code == CLD_EXITED || what->si_code == CLD_KILLED ||
           what->si_code == CLD_DUMPED;
}

static void report_state(const struct process_tree *tree, const siginfo_t *what)
{
    struct pollfd others = {.fd = tree->listener, .events = 0};
    struct program_state state = {.code = what->si_code, .status = what->si_status};
    /* The reaped program has left its filter: is anybody else still under it? */
    state.is_last = is_end(what) && poll(&others, 1, 0) == 1;
    if (tree->proxy >= 0)
        sys_send(tree->proxy, &state, sizeof state);
}

static void replace_standby(struct process_tree *tree)
{
    lock_fairly();
    tree->standby = standby_start(tree->pending, tree->listener);
    unlock();
}

/* Reap the orphans of the tree, report on the program, and replace a standby that was killed. */
static void wait_for_children(struct process_tree *tree)
{
    struct signalfd_siginfo signal;
    while (sys_read(tree->signals, &signal, sizeof signal) > 0)
        continue;
    for (;;) {
        siginfo_t what = {.si_pid = 0};
        if (waitid(P_ALL, 0, &what, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) != 0 ||
            what.si_pid == 0)
            return;
        if (what.si_pid == tree->program) {
            report_state(tree, &what);
            if (is_end(&what))
                tree->program = 0;
        } else if (what.si_pid == tree->standby && is_end(&what)) {
            replace_standby(tree);
        }
    }
}

/* The proxy outlives the program, so it was killed: kill the program, for which it stood in. */
static void end_with_proxy(struct process_tree *tree)
{
    if (tree->program != 0)
        kill(tree->program, SIGKILL);
    sys_close(tree->proxy);
    tree->proxy = -1;
}

/* What one wait has found. */
enum event { EVENT_NONE, EVENT_FIRST_CALL, EVENT_END };

/* Wait for everything but calls, and for the first of these: until then nobody takes them. */
static enum event wait_for_events(struct process_tree *tree, bool has_calls)
{
    struct pollfd watched[] = {
        {.fd = tree->listener, .events = has_calls ? 0 : POLLIN}, /* POLLHUP comes unasked */
        {.fd = tree->signals, .events = POLLIN},
        {.fd = tree->proxy, .events = 0},
    };
    if (poll(watched, 3, -1) < 0)
        return EVENT_NONE; /* EINTR: SIGSTOP, which cannot be blocked, and SIGCONT */
    if ((watched[1].revents & POLLIN) != 0)
        wait_for_children(tree);
    if ((watched[2].revents & (POLLHUP | POLLERR)) != 0)
        end_with_proxy(tree);
    if (watched[0].revents == 0)
        return EVENT_NONE;
    if ((watched[0].revents & POLLIN) != 0)
        return EVENT_FIRST_CALL;
    if (tree->program != 0) {
        /* Its zombie has not been reported yet. */
        watched[1].revents = 0;
        poll(&watched[1], 1, 1000);
        wait_for_children(tree);
    }
    return tree->program == 0 ? EVENT_END : EVENT_NONE;
}

/* Start to take calls, which most programs never make; false where that is not possible. */
static bool start_calls(struct process_tree *tree)
{
    pthread_t calls;
    /* Wake on the processor that the caller leaves: each call takes a third less time. */
    ioctl(tree->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    callers_start();
    return traced_images_start() && pthread_create(&calls, NULL, serve_calls, tree) == 0;
}

void process_tree_serve(struct process_tree *tree)
{
    enum event event = EVENT_NONE;
    for (bool has_calls = false; event != EVENT_END;) {
        event = wait_for_events(tree, has_calls);
        if (event == EVENT_FIRST_CALL && !start_calls(tree))
            return; /* the standby lets all calls through */
        has_calls = has_calls || event == EVENT_FIRST_CALL;
    }
    kill(tree->standby, SIGKILL);
    waitpid(tree->standby, NULL, 0);
}

void process_tree_wait(struct process_tree *tree)
{
    tree->listener = -1;
    while (tree->program != 0) {
        struct pollfd watched[] = {
            {.fd = tree->signals, .events = POLLIN},
            {.fd = tree->proxy, .events = 0},
        };
        poll(watched, 2, -1);
        wait_for_children(tree);
        if ((watched[1].revents & (POLLHUP | POLLERR)) != 0)
            end_with_proxy(tree);
    }
}
