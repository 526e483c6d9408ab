/* One question to the daemon: see ask.h. */
#include "guest/daemon/ask.h"

#include "guest/daemon/unix_stream.h"
#include "guest/kernel/sys.h"

#include <poll.h>
#include <stdatomic.h>
#include <string.h>

enum {
    DEADLINE_NS = 250 * 1000 * 1000, /* for all questions of one bind: what a sick daemon may cost */
};

static const uint64_t SILENCE_NS = 5000000000u; /* nothing is asked after a missed deadline */

static _Atomic uint64_t silent_until;

uint64_t ask_deadline(void)
{
    return sys_now() + DEADLINE_NS;
}

/*
 * Receive a line, of `length` bytes without its newline, and what came with it, `all` bytes in all;
 * false where it is cut off, too long or too late.
 */
static bool receive_line(int fd, char *line, size_t room, size_t *all, size_t *length,
                         uint64_t deadline)
{
    size_t used = 0;
    while (used < room) {
        ptrdiff_t got = sys_receive(fd, line + used, room - used);
        if (got == 0)
            return false;
        if (got < 0) {
            if ((errno != EAGAIN && errno != EINTR) || !unix_stream_wait(fd, POLLIN, deadline))
                return false;
            continue;
        }
        const char *newline = memchr(line + used, '\n', (size_t)got);
        used += (size_t)got;
        if (newline != NULL) {
            *length = (size_t)(newline - line);
            *all = used;
            return true;
        }
    }
    return false;
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
                           uint64_t deadline, struct answer *answer)
{
    char line[WIRE_ANSWER];
    size_t used = 0, length = 0;
    if (!put_question(fd, question, image, deadline) ||
        !receive_line(fd, line, sizeof line, &used, &length, deadline))
        return sys_now() >= deadline ? ASKED_SILENT : ASKED_GARBLED;
    if (!wire_answer(line, length, answer))
        return ASKED_GARBLED;
    /* Why, if the daemon says so, came with the same write; it is not waited for. */
    const char *why = line + length + 1;
    const char *end = memchr(why, '\n', used - length - 1);
    if (end != NULL)
        wire_why(why, (size_t)(end - why), answer);
    return ASKED_ANSWERED;
}

enum asked ask_daemon(const struct question *question, const struct image *image,
                      const char *bind_socket, uint64_t deadline, struct answer *answer)
{
    enum asked outcome = ASKED_GARBLED;
    if (sys_now() < atomic_load(&silent_until))
        return ASKED_SILENT;
    int fd = unix_stream_socket();
    if (fd < 0)
        return outcome;
    if (unix_stream_connect(fd, bind_socket, deadline))
        outcome = exchange(fd, question, image, deadline, answer);
    else
        outcome = sys_now() >= deadline ? ASKED_SILENT : ASKED_NOBODY;
    sys_close(fd);
    if (outcome == ASKED_SILENT)
        atomic_store(&silent_until, sys_now() + SILENCE_NS);
    return outcome;
}
