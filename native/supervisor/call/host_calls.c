/*
 * The supervisor's real calls: see host_calls.h.
 *
 * Theory of operation. Nothing here may wait, because the whole tree would wait with it. The
 * connect of a blocking socket is started here, at the place that was decided. Where it does not
 * finish at once (a server with a full queue) it is interrupted and left to the kernel: connect(2)
 * on a socket that is connecting already waits for that connection, whatever address it is given,
 * with the program's own timeout and signals.
 */
#include "supervisor/call/host_calls.h"

#include "guest/host.h"
#include "supervisor/linux.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

enum { PATIENCE_US = 2000, PATIENCE_MS = 2 };

static struct host_call *current;

static void wake_up(int number)
{
    (void)number; /* interrupting is all it has to do */
}

void host_calls_start(void)
{
    struct sigaction action = {.sa_handler = wake_up}; /* no SA_RESTART */
    sigset_t alarm;
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm, NULL);
}

void host_call_begin(struct host_call *call)
{
    current = call;
}

const struct host_call *host_call_current(void)
{
    return current;
}

static bool is_as_asked(const struct sockaddr *address, socklen_t length)
{
    return length == current->length && memcmp(address, &current->address, length) == 0;
}

static bool is_waiting(void)
{
    if (pending_call_is_waiting(current->pending, current->listener))
        return true;
    errno = EINTR; /* nobody reads it any more */
    return false;
}

/*
 * A bind cannot be done twice, so its success is recorded at once, for whoever sends the response.
 */
int real_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    struct pending_call *pending = current->pending;
    if (!is_waiting())
        return -1;
    atomic_store(&pending->binding_id, pending->notification.id);
    int result = (int)sys_call(SYS_bind, fd, address, length);
    if (result == 0)
        pending_call_set_result(pending, 0, 0);
    atomic_store(&pending->binding_id, 0);
    return result;
}

int real_listen(int fd, int backlog)
{
    return is_waiting() ? (int)sys_call(SYS_listen, fd, backlog) : -1;
}

static int leave_to_kernel(void)
{
    current->is_left = true;
    return 0;
}

/* Interrupt again and again: the first signal could come before the waiting begins. */
static void set_timer(long microseconds)
{
    struct itimerval often = {.it_interval = {.tv_usec = microseconds},
                              .it_value = {.tv_usec = microseconds}};
    setitimer(ITIMER_REAL, &often, NULL);
}

static bool is_blocking(int fd)
{
    return (sys_call(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK) == 0;
}

int real_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    if (is_as_asked(address, length))
        return leave_to_kernel();
    if (!is_waiting())
        return -1;
    if (!is_blocking(fd))
        return (int)sys_call(SYS_connect, fd, address, length);
    set_timer(PATIENCE_US);
    int result = (int)sys_call(SYS_connect, fd, address, length);
    int error = errno;
    set_timer(0);
    errno = error;
    return result != 0 && error == EINTR ? leave_to_kernel() : result;
}

/*
 * Copy what the program sends from its memory; the number of bytes, -1 where they cannot be read.
 */
static ptrdiff_t gather(unsigned char *bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < current->part_count && used < HOST_CALL_BYTES; i++) {
        size_t length = current->parts[i].iov_len;
        if (length > HOST_CALL_BYTES - used)
            length = HOST_CALL_BYTES - used; /* a stream may take less than all (send(2)) */
        if (!caller_read(current->caller, (uintptr_t)current->parts[i].iov_base, bytes + used,
                         length))
            return -1;
        used += length;
    }
    return (ptrdiff_t)used;
}

/*
 * Without a fast-open cookie of the server's, a blocking socket sends after its handshake, which
 * loopback finishes in a moment.
 */
static ssize_t send_when_connected(int fd, const unsigned char *bytes, size_t count, int flags)
{
    struct pollfd watched = {.fd = fd, .events = POLLOUT};
    poll(&watched, 1, PATIENCE_MS);
    return sys_call(SYS_sendto, fd, bytes, count, (flags & ~MSG_FASTOPEN) | MSG_DONTWAIT, NULL, 0);
}

ssize_t real_sendto(int fd, const void *bytes, size_t count, int flags,
                    const struct sockaddr *address, socklen_t length)
{
    static unsigned char copy[HOST_CALL_BYTES];
    (void)bytes; /* they are in the program's memory */
    (void)count;
    if (is_as_asked(address, length))
        return leave_to_kernel();
    ptrdiff_t got = gather(copy);
    if (got < 0)
        return leave_to_kernel(); /* which says EFAULT */
    if (!is_waiting())
        return -1;
    int quiet = flags | MSG_DONTWAIT | MSG_NOSIGNAL;
    ssize_t sent = sys_call(SYS_sendto, fd, copy, got, quiet, address, length);
    if (sent < 0 && errno == EINPROGRESS && is_blocking(fd) && (flags & MSG_DONTWAIT) == 0)
        sent = send_when_connected(fd, copy, (size_t)got, quiet);
    return sent;
}

/* Never called: dispatch.c takes messages apart, and performs them as a sendto. */
ssize_t real_sendmsg(int fd, const struct msghdr *message, int flags)
{
    (void)fd;
    (void)message;
    (void)flags;
    return leave_to_kernel();
}
