/*
 * guest/kernel/quiet_write.h on macOS, by POSIX alone.
 *
 * Its /dev/fd opens no file anew: what one would be told by O_NONBLOCK or MSG_DONTWAIT is asked of
 * poll(2) before. A line is shorter than what a pipe takes whole (PIPE_BUF), so it waits only where
 * another writer comes in between.
 */
#include "guest/kernel/quiet_write.h"

#include "guest/kernel/sys.h"

#include <signal.h>

bool quiet_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

/*
 * Write without raising SIGPIPE (nobody reads) or SIGTTOU (a background job of a terminal with
 * `tostop`). The kernel sends SIGPIPE to the process and not to the thread, so that it is the file
 * that has to be told; SIGTTOU, and SIGXFSZ of a log that has reached its limit, are blocked
 * meanwhile, and the latter is consumed. What was pending before belongs to the program, and stays.
 */
void quiet_write_file(int fd, const struct text *text)
{
    sigset_t ours, before, pending;
    int was_quiet = fcntl(fd, F_GETNOSIGPIPE), taken;
    sigemptyset(&ours);
    sigaddset(&ours, SIGXFSZ);
    sigemptyset(&pending);
    if (pthread_sigmask(SIG_BLOCK, &ours, &before) != 0)
        return;
    sigpending(&pending);
    sigaddset(&ours, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &ours, NULL);
    fcntl(fd, F_SETNOSIGPIPE, 1);
    bool has_raised = write(fd, text->bytes, text->used) < 0 && errno == EFBIG &&
                      sigismember(&pending, SIGXFSZ) == 0;
    if (was_quiet == 0)
        fcntl(fd, F_SETNOSIGPIPE, 0);
    sigdelset(&ours, SIGTTOU);
    if (has_raised && sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1)
        sigwait(&ours, &taken); /* it is there: this does not wait */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void quiet_write_stream(int fd, const struct text *text)
{
    struct pollfd watched = {.fd = fd, .events = POLLOUT};
    if (poll(&watched, 1, 0) == 1 && watched.revents == POLLOUT)
        quiet_write_file(fd, text);
}

void quiet_write_opened(int fd, const struct text *text)
{
    quiet_write_stream(fd, text);
}
