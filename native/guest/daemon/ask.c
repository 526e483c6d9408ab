/* One question to the daemon: see ask.h. */
#include "guest/daemon/ask.h"

#include "guest/daemon/unix_stream.h"
#include "guest/kernel/sys.h"

#include <poll.h>
#include <stdatomic.h>
#include <string.h>

enum {
    DEADLINE_NS = 250 * 1000 * 1000, /* for all questions of one bind: what a sick daemon may cost */
    EXTENSION_NS = 750 * 1000 * 1000, /* more, for a daemon that says that it is there */
};

static const uint64_t SILENCE_NS = 5000000000u; /* nothing is asked after a missed deadline */

static _Atomic uint64_t silent_until;

struct patience ask_patience(void)
{
    return (struct patience){.until = (sys_now() + DEADLINE_NS) & INT64_MAX};
}

struct received {
    char bytes[WIRE_ANSWER];
    size_t used;
    size_t line; /* the length of the first line, without its newline */
};

/* Receive a line, and what came with it; false where it is cut off, too long or too late. */
static bool receive_line(int fd, struct received *received, uint64_t deadline)
{
    for (;;) {
        const char *newline = memchr(received->bytes, '\n', received->used);
        if (newline != NULL) {
            received->line = (size_t)(newline - received->bytes);
            return true;
        }
        size_t room = sizeof received->bytes - received->used;
        ptrdiff_t got = room == 0 ? 0 : sys_receive(fd, received->bytes + received->used, room);
        if (got > 0)
            received->used += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR) ||
                 !unix_stream_wait(fd, POLLIN, deadline))
            return false;
    }
}

/* Receive the answer; a daemon that says "wait" before it gets more time, once. */
static bool receive_answer(int fd, struct received *received, struct patience *patience)
{
    static const char wait[] = "styxy/1 wait";
    if (!receive_line(fd, received, patience->until))
        return false;
    if (patience->is_extended || received->line != sizeof wait - 1 ||
        memcmp(received->bytes, wait, sizeof wait - 1) != 0)
        return true;
    patience->is_extended = 1;
    patience->until = (patience->until + EXTENSION_NS) & INT64_MAX;
    received->used -= sizeof wait;
    memmove(received->bytes, received->bytes + sizeof wait, received->used);
    return receive_line(fd, received, patience->until);
}

static bool put_question(int fd, const struct question *question, const struct image *image,
                         uint64_t deadline)
{
    char *line = sys_scratch(WIRE_REQUEST);
    if (line == NULL)
        return false;
    size_t length = wire_question(question, image, line, WIRE_REQUEST);
    bool sent = length > 0 && unix_stream_send(fd, line, length, deadline);
    sys_scratch_free(line, WIRE_REQUEST);
    return sent;
}

/* Exchange question and answer on a connected socket. */
static enum asked exchange(int fd, const struct question *question, const struct image *image,
                           struct patience *patience, struct answer *answer)
{
    struct received received = {.used = 0};
    if (!put_question(fd, question, image, patience->until) ||
        !receive_answer(fd, &received, patience))
        return sys_now() >= patience->until ? ASKED_SILENT : ASKED_GARBLED;
    if (!wire_answer(received.bytes, received.line, answer))
        return ASKED_GARBLED;
    /* Why, if the daemon says so, came with the same write; it is not waited for. */
    const char *more = received.bytes + received.line + 1, *end;
    const char *limit = received.bytes + received.used;
    while ((end = memchr(more, '\n', (size_t)(limit - more))) != NULL) {
        wire_more(more, (size_t)(end - more), answer);
        more = end + 1;
    }
    return ASKED_ANSWERED;
}

enum asked ask_daemon(const struct question *question, const struct image *image,
                      const char *bind_socket, struct patience *patience, struct answer *answer)
{
    enum asked outcome = ASKED_GARBLED;
    if (sys_now() < atomic_load(&silent_until))
        return ASKED_SILENT;
    int fd = unix_stream_socket();
    if (fd < 0)
        return outcome;
    if (unix_stream_connect(fd, bind_socket, patience->until))
        outcome = exchange(fd, question, image, patience, answer);
    else
        outcome = sys_now() >= patience->until ? ASKED_SILENT : ASKED_NOBODY;
    sys_close(fd);
    if (outcome == ASKED_SILENT)
        atomic_store(&silent_until, sys_now() + SILENCE_NS);
    return outcome;
}
