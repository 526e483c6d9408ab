/*
 * The supervisor's work: see serve.h.
 *
 * Theory of operation. Two threads share the work, and no memory that both write. One takes the
 * calls and waits for the next one in the kernel's own queue: to wait for it by poll(2), beside all
 * the rest, costs each call of the tree a microsecond. The other one, which began the process,
 * waits for that rest: children, the front, and the end of the tree. They meet where a keeper is
 * forked: a duplicate of a program's socket that went along would hold its port for a moment after
 * the program has closed it.
 */
#include "supervisor/process/process_tree.h"

#include "supervisor/call/dispatch.h"
#include "supervisor/call/host_calls.h"
#include "supervisor/process/proxy_process.h"
#include "supervisor/process/standby.h"
#include "supervisor/linux.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

/* Held by the thread that answers a call or forks; who waits for its turn is the next to have it. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER, hand = PTHREAD_MUTEX_INITIALIZER;

static void take_hand(void)
{
    pthread_mutex_lock(&turn);
    pthread_mutex_lock(&hand);
    pthread_mutex_unlock(&turn);
}

static void give_hand(void)
{
    pthread_mutex_unlock(&hand);
}

/*
 * One who calls and is not there any more when the answer comes was interrupted by a signal, and
 * will call again: only kernels before 5.19 know that (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).
 */
static void take_calls(const struct service *service)
{
    while (ledger_receive(service->ledger, service->listener)) {
        take_hand();
        answer_call(service->ledger, service->listener);
        give_hand();
        ledger_send(service->ledger, service->listener);
    }
}

/* Where there is nothing to receive: one whose call it was is gone (ENOENT), or the whole tree. */
static void *serve_calls(void *argument)
{
    const struct service *service = argument;
    deeds_start();
    for (;;) {
        struct pollfd calls = {.fd = service->listener, .events = POLLIN};
        take_calls(service);
        if (poll(&calls, 1, -1) > 0 && (calls.revents & POLLIN) == 0)
            return NULL;
    }
}

static bool is_end(const siginfo_t *what)
{
    return what->si_code == CLD_EXITED || what->si_code == CLD_KILLED ||
           what->si_code == CLD_DUMPED;
}

static void tell_front(const struct service *service, const siginfo_t *what)
{
    struct pollfd tree = {.fd = service->listener, .events = 0};
    struct front_word word = {.code = what->si_code, .status = what->si_status};
    /* The reaped program has left its filter: is anybody under it still? */
    word.all = is_end(what) && poll(&tree, 1, 0) == 1;
    if (service->front >= 0)
        sys_send(service->front, &word, sizeof word);
}

static void replace_keeper(struct service *service)
{
    take_hand();
    service->keeper = keeper_start(service->ledger, service->listener);
    give_hand();
}

/* Reap the orphans of the tree, follow the program, and replace a keeper that was killed. */
static void wait_for_children(struct service *service)
{
    struct signalfd_siginfo signal;
    while (sys_read(service->signals, &signal, sizeof signal) > 0)
        continue;
    for (;;) {
        siginfo_t what = {.si_pid = 0};
        if (waitid(P_ALL, 0, &what, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) != 0 ||
            what.si_pid == 0)
            return;
        if (what.si_pid == service->program) {
            tell_front(service, &what);
            if (is_end(&what))
                service->program = 0;
        } else if (what.si_pid == service->keeper && is_end(&what)) {
            replace_keeper(service);
        }
    }
}

/* The front outlives the program, so it was killed: as if it had been the program itself. */
static void end_with_front(struct service *service)
{
    if (service->program != 0)
        kill(service->program, SIGKILL);
    sys_close(service->front);
    service->front = -1;
}

/* Wait for what is no call; true when the tree is gone. */
static bool wait_for_the_rest(struct service *service)
{
    struct pollfd watched[] = {
        {.fd = service->listener, .events = 0}, /* POLLHUP comes unasked */
        {.fd = service->signals, .events = POLLIN},
        {.fd = service->front, .events = 0},
    };
    if (poll(watched, 3, -1) < 0)
        return false; /* EINTR: a signal that cannot be blocked has stopped us and let us go on */
    if ((watched[1].revents & POLLIN) != 0)
        wait_for_children(service);
    if ((watched[2].revents & (POLLHUP | POLLERR)) != 0)
        end_with_front(service);
    if (watched[0].revents == 0)
        return false;
    if (service->program != 0) {
        /* Its zombie is still ours to tell of. */
        watched[1].revents = 0;
        poll(&watched[1], 1, 1000);
        wait_for_children(service);
    }
    return service->program == 0;
}

void serve(struct service *service)
{
    pthread_t calls;
    /* Wake on the processor that the caller leaves: a third less for each call, where it is. */
    ioctl(service->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    callers_start();
    if (!subjects_start() || pthread_create(&calls, NULL, serve_calls, service) != 0)
        return; /* the keeper lets all through */
    while (!wait_for_the_rest(service))
        continue;
    kill(service->keeper, SIGKILL);
    waitpid(service->keeper, NULL, 0);
}

void serve_without_calls(struct service *service)
{
    service->listener = -1;
    while (service->program != 0) {
        struct pollfd watched[] = {
            {.fd = service->signals, .events = POLLIN},
            {.fd = service->front, .events = 0},
        };
        poll(watched, 2, -1);
        wait_for_children(service);
        if ((watched[1].revents & (POLLHUP | POLLERR)) != 0)
            end_with_front(service);
    }
}
