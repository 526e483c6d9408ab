/* What the user sees of a move: see notice.h. */
#include "guest/daemon/notice.h"

#include "guest/host.h"
#include "guest/kernel/quiet_write.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

enum { LINE_ROOM = 320 };

/* The program has something of its own there now: write to where the user looks. */
static void write_to_first_stream(const struct image *image, int fd, const struct text *text)
{
    int again = host_open_stream(image, fd);
    if (again < 0)
        return;
    quiet_write_opened(again, text);
    sys_close(again);
}

static void write_to_stream(const struct image *image, int fd, const struct text *text)
{
    if (text->cut)
        return;
    if (host_has_stream(image, fd))
        quiet_write_stream(fd, text);
    else
        write_to_first_stream(image, fd, text);
}

static int stream_for(const struct image *image)
{
    if (image->notify == NOTIFY_STDOUT)
        return 1;
    if (image->notify == NOTIFY_AUTO && host_has_stream(image, 1) && quiet_is_terminal(1))
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
    quiet_write_file(fd, &text);
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
