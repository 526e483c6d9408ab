/* Standard input and output of a hook: see streams.h. */
#include "hook/streams.h"

#include "guest/daemon/unix_stream.h"
#include "guest/kernel/sys.h"

#include <poll.h>
#include <termios.h>

enum {
    LONGEST_PAYLOAD = 4 * 1024 * 1024, /* bytes: an agent's tool may have printed a good deal */
    PIECE = 4096, /* PIPE_BUF: where poll says that a pipe takes something, it takes as much */
};

/* Whether a person types there. A hook that is tried out by hand must not wait for an end. */
static bool is_terminal(int fd)
{
    struct termios settings;
    return tcgetattr(fd, &settings) == 0;
}

/* Whether a descriptor can be read or written, or has failed, at this moment. */
static bool is_ready(int fd, short events)
{
    struct pollfd watched = {.fd = fd, .events = events};
    const struct timespec at_once = {0, 0};
    return sys_call(SYS_ppoll, &watched, 1, &at_once, NULL, 0) > 0;
}

bool streams_read(struct payload *payload, uint64_t deadline)
{
    /* One byte more, so that a longer payload shows. Untouched pages cost nothing. */
    char *room = is_terminal(STDIN_FILENO) ? NULL : sys_scratch(LONGEST_PAYLOAD + 1);
    size_t used = 0;
    while (room != NULL && used <= LONGEST_PAYLOAD) {
        if (!is_ready(STDIN_FILENO, POLLIN)) {
            if (!unix_stream_wait(STDIN_FILENO, POLLIN, deadline))
                return false;
            continue;
        }
        ptrdiff_t got = sys_read(STDIN_FILENO, room + used, LONGEST_PAYLOAD + 1 - used);
        if (got < 0 && errno != EAGAIN)
            return false; /* EBADF: closed; EISDIR, EIO: nobody's payload */
        if (got == 0) {
            *payload = (struct payload){room, used};
            return used > 0;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    return false;
}

/* Write a piece without waiting; 0 where it would have to, -1 where nobody reads it. */
static ptrdiff_t print_piece(const char *bytes, size_t length)
{
    ptrdiff_t sent = sys_send(STDOUT_FILENO, bytes, length);
    if (sent < 0 && errno == ENOTSOCK) {
        if (!is_ready(STDOUT_FILENO, POLLOUT))
            return 0;
        sent = sys_call(SYS_write, STDOUT_FILENO, bytes, length < PIECE ? length : PIECE);
    }
    return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

void streams_print(const char *bytes, size_t length, uint64_t deadline)
{
    while (length > 0) {
        ptrdiff_t sent = print_piece(bytes, length);
        if (sent < 0 || (sent == 0 && !unix_stream_wait(STDOUT_FILENO, POLLOUT, deadline)))
            return; /* EPIPE, EBADF, ENOSPC: nobody reads it */
        bytes += sent;
        length -= (size_t)sent;
    }
}
