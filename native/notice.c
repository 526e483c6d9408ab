/* What the user sees of a move: see notice.h. */
#include "notice.h"

#include "sys.h"
#include "text.h"

#include <asm/ioctls.h>
#include <poll.h>
#include <signal.h>

enum { TERMIOS_ROOM = 256, LINE_ROOM = 256 };

static bool is_terminal(int fd)
{
    char termios[TERMIOS_ROOM]; /* the kernel's, smaller than libc's; unused */
    return syscall(SYS_ioctl, fd, TCGETS, termios) == 0;
}

static bool can_take_bytes(int fd)
{
    struct pollfd watched = {.fd = fd, .events = POLLOUT};
    struct timespec at_once = {0, 0};
    return syscall(SYS_ppoll, &watched, 1, &at_once, NULL, 0) == 1 && watched.revents == POLLOUT;
}

/*
 * Write without raising SIGPIPE (nobody reads) or SIGTTOU (a background job of a terminal with
 * `tostop`): both are blocked meanwhile, and a SIGPIPE of ours is taken away again. One that was
 * pending before is the host's, and stays. A blocked SIGTTOU is not raised at all (tty_ioctl(4)).
 */
static void write_quietly(int fd, const struct text *text)
{
    const uint64_t sigpipe = UINT64_C(1) << (SIGPIPE - 1);
    const uint64_t ours = sigpipe | UINT64_C(1) << (SIGTTOU - 1);
    const struct timespec at_once = {0, 0};
    uint64_t before = 0, pending = 0;
    if (syscall(SYS_rt_sigprocmask, SIG_BLOCK, &ours, &before, sizeof before) != 0)
        return;
    syscall(SYS_rt_sigpending, &pending, sizeof pending);
    long written = syscall(SYS_write, fd, text->bytes, text->used);
    if (written < 0 && errno == EPIPE && (pending & sigpipe) == 0)
        syscall(SYS_rt_sigtimedwait, &sigpipe, NULL, &at_once, sizeof sigpipe);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

static void tell(const struct image *image, int fd, const struct text *text)
{
    if (text->cut || !image_has_stream(image, fd))
        return;
    if (sys_number_option(fd, SO_TYPE) >= 0)
        sys_send(fd, text->bytes, text->used);
    else if (can_take_bytes(fd))
        write_quietly(fd, text);
}

static int stream_for(const struct image *image)
{
    if (image->notify == NOTIFY_STDOUT)
        return 1;
    if (image->notify == NOTIFY_AUTO && image_has_stream(image, 1) && is_terminal(1))
        return 1;
    return 2;
}

static int open_log(const struct image *image)
{
    char path[IMAGE_PATH];
    struct statx status;
    struct text text = text_in(path, sizeof path);
    text_add(&text, image->log[0] != '\0' ? image->log : image->home);
    text_add(&text, image->log[0] != '\0' ? "" : "/reassignments.log");
    if (!text_end(&text))
        return -1;
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int fd = sys_open(path, flags, 0600);
    if (fd >= 0 && (!sys_status(fd, &status) || (status.stx_mode & S_IFMT) != S_IFREG)) {
        sys_close(fd);
        return -1;
    }
    return fd;
}

static void log_move(const struct image *image, uint16_t asked, const struct answer *answer)
{
    char line[LINE_ROOM];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "[");
    text_add(&text, answer->at);
    text_add(&text, "] PID ");
    text_number(&text, (uint64_t)(image->pid != 0 ? image->pid : syscall(SYS_getpid)));
    text_add(&text, ": Port ");
    text_number(&text, asked);
    text_add(&text, " -> ");
    text_number(&text, answer->port);
    text_add(&text, " (service: ");
    text_add(&text, answer->service_type);
    text_add(&text, ")\n");
    int fd = text.cut ? -1 : open_log(image);
    if (fd < 0)
        return;
    /* A full disk or a quota costs the user a line of the log, and the host nothing. */
    write_quietly(fd, &text);
    sys_close(fd);
}

void notice_moved(const struct image *image, uint16_t asked, const struct answer *answer)
{
    char line[LINE_ROOM];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "\xe2\x9c\x93 STYXY: Port ");
    text_number(&text, asked);
    text_add(&text, " was in use, auto-assigned port ");
    text_number(&text, answer->port);
    text_add(&text, "\n");
    if (image->notify != NOTIFY_OFF)
        tell(image, stream_for(image), &text);
    if (answer->at[0] != '\0')
        log_move(image, asked, answer);
}

void notice_single(const struct image *image, uint16_t asked, const struct answer *answer)
{
    char line[LINE_ROOM];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "\xe2\x9c\x97 STYXY: Port ");
    text_number(&text, asked);
    text_add(&text, " stays in use, the one ");
    text_add(&text, answer->service_type);
    text_add(&text, " service of this machine runs on port ");
    text_number(&text, answer->port);
    if (answer->pid != 0) {
        text_add(&text, " (PID ");
        text_number(&text, answer->pid);
        text_add(&text, ")");
    }
    text_add(&text, "\n");
    if (image->notify != NOTIFY_OFF)
        tell(image, 2, &text);
}
