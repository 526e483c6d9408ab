/* A connection to one of the daemon's sockets: see unix_stream.h. */
#include "guest/daemon/unix_stream.h"

#include "guest/kernel/sys.h"

#include <poll.h>
#include <string.h>
#include <sys/un.h>

enum {
    /* connect to a Unix socket with a full backlog says EAGAIN and offers nothing to wait for. */
    BACKLOG_PAUSE_NS = 2 * 1000 * 1000,
};

int unix_stream_socket(void)
{
    return sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

bool unix_stream_wait(int fd, short events, uint64_t deadline)
{
    uint64_t now = sys_now();
    if (now == 0 || now >= deadline)
        return false;
    struct pollfd watched = {.fd = fd, .events = events};
    struct timespec left = {(time_t)((deadline - now) / 1000000000u),
                            (long)((deadline - now) % 1000000000u)};
    /* EINTR: the caller tries again, and comes back here with less time left. */
    sys_call(SYS_ppoll, &watched, fd < 0 ? 0 : 1, &left, NULL, 0);
    return true;
}

/* Wait until the backlog may have room again. */
static bool pause_until(uint64_t deadline)
{
    uint64_t now = sys_now(), pause = now + BACKLOG_PAUSE_NS;
    return now < deadline && unix_stream_wait(-1, 0, pause < deadline ? pause : deadline);
}

bool unix_stream_connect(int fd, const char *path, uint64_t deadline)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address.sun_path, path, length + 1);
    while (sys_call(SYS_connect, fd, &address, sizeof address) != 0) {
        int failure = errno;
        if (failure == EISCONN)
            return true;
        if ((failure != EAGAIN && failure != EINTR) || !pause_until(deadline)) {
            errno = failure;
            return false;
        }
    }
    return true;
}

bool unix_stream_send(int fd, const char *bytes, size_t length, uint64_t deadline)
{
    while (length > 0) {
        ptrdiff_t sent = sys_send(fd, bytes, length);
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if ((errno != EAGAIN && errno != EINTR) ||
                   !unix_stream_wait(fd, POLLOUT, deadline)) {
            return false;
        }
    }
    return true;
}
