/*
 * The proxy process: see proxy_process.h.
 *
 * Theory of operation. Proxy and program are in one process group, so what the terminal sends
 * reaches both, and the group has a member whose parent is the shell (setpgid(2), on orphaned
 * groups). All signals are blocked here and read from a descriptor; those of the terminal come from
 * the kernel, and only what somebody sent to this pid is forwarded. The supervisor is the program's
 * parent; when it is killed the program becomes a child of this process, which is a subreaper too.
 */
#include "supervisor/process/proxy_process.h"

#include "supervisor/linux.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

/* Let a signal do to this process what it does by default. */
static void take_default_action(int number)
{
    sigset_t one;
    struct sigaction as_default = {.sa_handler = SIG_DFL}, before;
    sigemptyset(&one);
    sigaddset(&one, number);
    sigaction(number, &as_default, &before);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    sigprocmask(SIG_BLOCK, &one, NULL);
    sigaction(number, &before, NULL);
}

/* Follow the program; true when it has ended, with the status of this process. */
static bool follow(const struct proxy_process *proxy, const struct program_state *state,
                   int *status)
{
    struct rlimit no_core = {0, 0};
    if (state->code == CLD_STOPPED)
        take_default_action(state->status);
    if (state->code != CLD_EXITED && state->code != CLD_KILLED && state->code != CLD_DUMPED)
        return false;
    if (state->is_last) /* leave no zombie to whoever inherits it */
        waitpid(proxy->supervisor, NULL, 0);
    *status = state->status;
    if (state->code != CLD_EXITED) {
        setrlimit(RLIMIT_CORE, &no_core); /* the program's own core is enough */
        take_default_action(state->status);
        *status = 128 + state->status;
    }
    return true;
}

static void forward_signals(const struct proxy_process *proxy)
{
    struct signalfd_siginfo signal;
    while (sys_read(proxy->signals, &signal, sizeof signal) == (ptrdiff_t)sizeof signal)
        if (signal.ssi_signo != SIGCHLD && signal.ssi_code <= 0) /* SI_USER, not SI_KERNEL */
            kill(proxy->program, (int)signal.ssi_signo);
}

/* Reap what became ours when the supervisor was killed; true when the program was among them. */
static bool reap(const struct proxy_process *proxy, int *status)
{
    for (;;) {
        siginfo_t what = {.si_pid = 0};
        if (waitid(P_ALL, 0, &what, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) != 0 ||
            what.si_pid == 0)
            return false;
        struct program_state state = {.code = what.si_code, .status = what.si_status};
        if (what.si_pid == proxy->program && follow(proxy, &state, status))
            return true;
    }
}

int proxy_process_run(struct proxy_process *proxy)
{
    int status = 0;
    for (;;) {
        struct program_state state;
        struct pollfd watched[] = {{.fd = proxy->states, .events = POLLIN},
                                   {.fd = proxy->signals, .events = POLLIN}};
        if (poll(watched, 2, -1) < 0)
            continue;
        if ((watched[0].revents & POLLIN) != 0 &&
            sys_receive(proxy->states, &state, sizeof state) == (ptrdiff_t)sizeof state) {
            if (follow(proxy, &state, &status))
                return status;
        } else if (watched[0].revents != 0) {
            proxy->states = -1; /* the supervisor was killed */
        }
        if ((watched[1].revents & POLLIN) != 0)
            forward_signals(proxy);
        if (proxy->states < 0 && reap(proxy, &status))
            return status;
    }
}
