/*
 * The front: see front.h.
 *
 * Theory of operation. Front and program are in one process group, so what the terminal sends
 * reaches both by itself, and the group has a member whose parent is the shell (setpgid(2), on
 * orphaned groups). All signals are blocked here and read from a descriptor; those of the terminal
 * come from the kernel, and only what somebody sent to this pid is handed on. The supervisor is the
 * program's parent; when it is killed the program becomes this process's child, for it is a
 * subreaper too.
 */
#include "supervisor/process/proxy_process.h"

#include "supervisor/linux.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

/* Do with this process what a signal does by default. */
static void suffer(int number)
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
static bool follow(const struct front *front, const struct front_word *word, int *status)
{
    struct rlimit no_core = {0, 0};
    if (word->code == CLD_STOPPED)
        suffer(word->status);
    if (word->code != CLD_EXITED && word->code != CLD_KILLED && word->code != CLD_DUMPED)
        return false;
    if (word->all) /* no zombie is left to whoever inherits it */
        waitpid(front->supervisor, NULL, 0);
    *status = word->status;
    if (word->code != CLD_EXITED) {
        setrlimit(RLIMIT_CORE, &no_core); /* the program's own was enough */
        suffer(word->status);
        *status = 128 + word->status;
    }
    return true;
}

static void hand_on(const struct front *front)
{
    struct signalfd_siginfo signal;
    while (sys_read(front->signals, &signal, sizeof signal) == (ptrdiff_t)sizeof signal)
        if (signal.ssi_signo != SIGCHLD && signal.ssi_code <= 0) /* SI_USER, not SI_KERNEL */
            kill(front->program, (int)signal.ssi_signo);
}

/* Reap what became ours when the supervisor was killed; true when the program was among it. */
static bool reap(const struct front *front, int *status)
{
    for (;;) {
        siginfo_t what = {.si_pid = 0};
        if (waitid(P_ALL, 0, &what, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) != 0 ||
            what.si_pid == 0)
            return false;
        struct front_word word = {.code = what.si_code, .status = what.si_status};
        if (what.si_pid == front->program && follow(front, &word, status))
            return true;
    }
}

int front_stand_for(struct front *front)
{
    int status = 0;
    for (;;) {
        struct front_word word;
        struct pollfd watched[] = {{.fd = front->words, .events = POLLIN},
                                   {.fd = front->signals, .events = POLLIN}};
        if (poll(watched, 2, -1) < 0)
            continue;
        if ((watched[0].revents & POLLIN) != 0 &&
            sys_receive(front->words, &word, sizeof word) == (ptrdiff_t)sizeof word) {
            if (follow(front, &word, &status))
                return status;
        } else if (watched[0].revents != 0) {
            front->words = -1; /* the supervisor was killed */
        }
        if ((watched[1].revents & POLLIN) != 0)
            hand_on(front);
        if (front->words < 0 && reap(front, &status))
            return status;
    }
}
