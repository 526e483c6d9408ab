/* What the user sees of a move: see notice.h. */
#include "guest/daemon/notice.h"

#include "guest/host.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

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

enum { TERMIOS_ROOM = 256, LINE_ROOM = 320 };

static bool is_terminal(int fd)
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

static void write_quietly(int fd, const struct text *text)
{
    write_with(fd, text, 0);
}

/* The program has something of its own there now: write to where the user looks. */
static void write_to_first_stream(const struct image *image, int fd, const struct text *text)
{
    int again = host_open_stream(image, fd);
    if (again < 0)
        return;
    bool waits = (sys_call(SYS_fcntl, again, F_GETFL) & O_NONBLOCK) == 0;
    write_with(again, text, waits ? RWF_NOWAIT : 0);
    sys_close(again);
}

static void write_to_stream(const struct image *image, int fd, const struct text *text)
{
    if (text->cut)
        return;
    if (!host_has_stream(image, fd)) {
        write_to_first_stream(image, fd, text);
        return;
    }
    int pipe = open_pipe(fd);
    if (pipe >= 0) {
        write_quietly(pipe, text);
        sys_close(pipe);
    } else if (sys_int_option(fd, SO_TYPE) >= 0) {
        sys_send(fd, text->bytes, text->used);
    } else if (can_take_bytes(fd)) {
        write_quietly(fd, text);
    }
}

static int stream_for(const struct image *image)
{
    if (image->notify == NOTIFY_STDOUT)
        return 1;
    if (image->notify == NOTIFY_AUTO && host_has_stream(image, 1) && is_terminal(1))
        return 1;
    return 2;
}

/* Open for appending whatever lies at the path of the log. */
static int open_log_file(const struct image *image)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    if (image->log[0] != '\0')
        return sys_open(image->log, flags, 0600);
    char *path = sys_scratch(IMAGE_PATH);
    if (path == NULL)
        return -1;
    struct text text = text_in(path, IMAGE_PATH);
    text_add(&text, image->home);
    text_add(&text, "/reassignments.log");
    int fd = text_end(&text) ? sys_open(path, flags, 0600) : -1;
    sys_scratch_free(path, IMAGE_PATH);
    return fd;
}

static int open_log(const struct image *image)
{
    struct statx status;
    int fd = open_log_file(image);
    if (fd >= 0 && (!sys_status(fd, &status) || (status.stx_mode & S_IFMT) != S_IFREG)) {
        sys_close(fd);
        return -1;
    }
    return fd;
}

static void add_words_and_number(struct text *text, const char *words, uint64_t number)
{
    text_add(text, words);
    text_number(text, number);
}

static void log_move(const struct image *image, uint16_t asked, const struct answer *answer)
{
    char line[LINE_ROOM];
    struct text text = text_in(line, sizeof line);
    int64_t pid = image->pid != 0 ? image->pid : sys_call(SYS_getpid);
    text_add(&text, "[");
    text_add(&text, answer->at);
    add_words_and_number(&text, "] PID ", (uint64_t)pid);
    add_words_and_number(&text, ": Port ", asked);
    add_words_and_number(&text, " -> ", answer->port);
    text_add(&text, " (service: ");
    text_add(&text, answer->service_type);
    text_add(&text, ")\n");
    int fd = text.cut ? -1 : open_log(image);
    if (fd < 0)
        return;
    /* A full disk or a quota costs a line of the log, and the program nothing. */
    write_quietly(fd, &text);
    sys_close(fd);
}

static void add_where(struct text *text, const struct answer *answer)
{
    if (answer->cause == CAUSE_TOOK) {
        text_add(text, ", ");
        text_add(text, answer->tool);
        text_add(text, " took ");
    } else {
        text_add(text, answer->cause == CAUSE_LEFT ? ", back on port " : ", auto-assigned port ");
    }
    add_words_and_number(text, "", answer->port);
}

void notice_moved(const struct image *image, uint16_t asked, const struct answer *answer)
{
    char line[LINE_ROOM];
    struct text text = text_in(line, sizeof line);
    bool is_promised = answer->cause == CAUSE_PROMISED ||
                       (answer->cause == CAUSE_TOOK && answer->name[0] != '\0' && !answer->is_used);
    bool is_used = answer->cause == CAUSE_USED || (answer->cause == CAUSE_TOOK && answer->is_used);
    add_words_and_number(&text, "\xe2\x9c\x93 STYXY: Port ", asked);
    if (is_promised) {
        text_add(&text, " is promised to ");
        text_add(&text, answer->name);
    } else if (answer->cause == CAUSE_LEFT) {
        text_add(&text, " was ");
        text_add(&text, answer->name);
        text_add(&text, "'s until ");
        text_add(&text, answer->until);
    } else {
        text_add(&text, is_used ? " was in use by " : " was in use");
        text_add(&text, is_used ? answer->name : "");
    }
    add_where(&text, answer);
    if (answer->cause != CAUSE_TOOK && answer->also[0] != '\0') {
        text_add(&text, "; ");
        text_add(&text, answer->also);
    }
    text_add(&text, "\n");
    if (image->notify != NOTIFY_OFF)
        write_to_stream(image, stream_for(image), &text);
    if (answer->at[0] != '\0')
        log_move(image, asked, answer);
}

void notice_single(const struct image *image, uint16_t asked, const struct answer *answer)
{
    char line[LINE_ROOM];
    struct text text = text_in(line, sizeof line);
    add_words_and_number(&text, "\xe2\x9c\x97 STYXY: Port ", asked);
    text_add(&text, " stays in use, the one ");
    text_add(&text, answer->service_type);
    add_words_and_number(&text, " service of this machine runs on port ", answer->port);
    if (answer->pid != 0) {
        add_words_and_number(&text, " (PID ", answer->pid);
        text_add(&text, ")");
    }
    text_add(&text, "\n");
    if (image->notify != NOTIFY_OFF)
        write_to_stream(image, 2, &text);
}

void notice_taken(const struct image *image, uint16_t asked, const char *said)
{
    char line[LINE_ROOM];
    struct text text = text_in(line, sizeof line);
    add_words_and_number(&text, "\xe2\x9c\x97 STYXY: Port ", asked);
    text_add(&text, " ");
    text_add(&text, said);
    text_add(&text, "\n");
    if (image->notify != NOTIFY_OFF)
        write_to_stream(image, 2, &text);
}

void notice_unmoved(const struct image *image, uint16_t asked, enum unmoved why, const char *said)
{
    static const char *const reasons[] = {
        [UNMOVED_NO_DAEMON] = "no daemon is running; try: styxy daemon start -d",
        [UNMOVED_OTHER_NETWORK] =
            "the daemon is in another network namespace; start one here with its own STYXY_HOME",
        [UNMOVED_OTHER_USER] =
            "the program's user may not ask the daemon; try: styxy run --backend seccomp",
        [UNMOVED_SILENT] = "the daemon does not answer; try: styxy daemon restart",
        [UNMOVED_GARBLED] = "the daemon gave no usable answer; try: styxy doctor",
        [UNMOVED_LOST] = "other programs took each port that was tried; try again",
        [UNMOVED_REFUSED] = "the daemon refused; see: styxy daemon logs",
    };
    char line[LINE_ROOM];
    struct text text = text_in(line, sizeof line);
    add_words_and_number(&text, "\xe2\x9c\x97 STYXY: Port ", asked);
    text_add(&text, " was not moved: ");
    text_add(&text, why == UNMOVED_REFUSED && said[0] != '\0' ? said : reasons[why]);
    text_add(&text, "\n");
    if (image->notify != NOTIFY_OFF)
        write_to_stream(image, 2, &text);
}

void notice_out_of_reach(const struct image *image, const char *path)
{
    char line[LINE_ROOM];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "\xe2\x9c\x97 STYXY: ");
    text_add(&text, path);
    text_add(&text, " has capabilities, so its ports are not moved; see: styxy run --explain -- ");
    text_add(&text, path);
    text_add(&text, "\n");
    if (image->notify != NOTIFY_OFF)
        write_to_stream(image, 2, &text);
}
