/* Writing without harm: see quiet_write.h. */
#include "guest/kernel/quiet_write.h"

#include "guest/kernel/sys.h"

#include <asm/ioctls.h>
#include <poll.h>
#include <signal.h>
#include <sys/uio.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8 /* linux/fs.h, for pipes since Linux 5.10; before, a line is lost there */
#endif
#ifndef SYS_pwritev2
#define SYS_pwritev2 -1
#endif

enum { TERMIOS_ROOM = 256 };

bool quiet_is_terminal(int fd)
{
    char termios[TERMIOS_ROOM]; /* the kernel's, smaller than libc's; unused */
    return sys_call(SYS_ioctl, fd, TCGETS, termios) == 0;
}

static bool can_take_bytes(int fd)
{
    struct pollfd watched = {.fd = fd, .events = POLLOUT};
    struct timespec at_once = {0, 0};
    return sys_call(SYS_ppoll, &watched, 1, &at_once, NULL, 0) == 1 && watched.revents == POLLOUT;
}

/*
 * Open a pipe once more, so that a write to it never waits: another writer may fill it right after
 * any check. -1 where it is no pipe, nobody reads it, or it may not be opened.
 */
static int open_pipe(int fd)
{
    char path[40];
    struct statx status;
    struct text text = text_in(path, sizeof path);
    text_add(&text, "/proc/self/fd/");
    text_number(&text, (uint64_t)fd);
    if (!sys_status(fd, &status) || (status.stx_mode & S_IFMT) != S_IFIFO || !text_end(&text))
        return -1;
    return sys_open(path, O_WRONLY | O_NONBLOCK, 0);
}

static uint64_t bit_of(int signal)
{
    return UINT64_C(1) << (signal - 1);
}

/* The signal that the kernel sends to a thread whose write fails with this error: write(2). */
static uint64_t signal_of(int error)
{
    if (error == EPIPE)
        return bit_of(SIGPIPE);
    return error == EFBIG ? bit_of(SIGXFSZ) : 0;
}

/*
 * Write without raising SIGPIPE (nobody reads), SIGXFSZ (RLIMIT_FSIZE) or SIGTTOU (a background job
 * of a terminal with `tostop`): all three are blocked meanwhile, and what our write has raised is
 * consumed. What was pending before belongs to the program, and stays. A blocked SIGTTOU is not
 * raised at all (tty_ioctl(4)).
 */
static void write_with(int fd, const struct text *text, int flags)
{
    const struct iovec bytes = {text->bytes, text->used};
    const uint64_t ours = bit_of(SIGPIPE) | bit_of(SIGXFSZ) | bit_of(SIGTTOU);
    const struct timespec at_once = {0, 0};
    uint64_t before = 0, pending = 0;
    if (sys_call(SYS_rt_sigprocmask, SIG_BLOCK, &ours, &before, sizeof before) != 0)
        return;
    sys_call(SYS_rt_sigpending, &pending, sizeof pending);
    long written = flags == 0 ? sys_call(SYS_write, fd, text->bytes, text->used)
                              : sys_call(SYS_pwritev2, fd, &bytes, 1, -1, -1, flags);
    uint64_t raised = written < 0 ? signal_of(errno) & ~pending : 0;
    if (raised != 0)
        sys_call(SYS_rt_sigtimedwait, &raised, NULL, &at_once, sizeof raised);
    sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

void quiet_write_file(int fd, const struct text *text)
{
    write_with(fd, text, 0);
}

void quiet_write_stream(int fd, const struct text *text)
{
    int pipe = open_pipe(fd);
    if (pipe >= 0) {
        write_with(pipe, text, 0);
        sys_close(pipe);
    } else if (sys_int_option(fd, SO_TYPE) >= 0) {
        sys_send(fd, text->bytes, text->used);
    } else if (can_take_bytes(fd)) {
        write_with(fd, text, 0);
    }
}

void quiet_write_opened(int fd, const struct text *text)
{
    bool waits = (sys_call(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK) == 0;
    write_with(fd, text, waits ? RWF_NOWAIT : 0);
}
