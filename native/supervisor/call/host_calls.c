/*
 * What the shared code does: see deed.h.
 *
 * Theory of operation. Nothing here may wait, for the whole tree waits with it. A connect of a
 * blocking socket is begun here, at the place that was decided, and where it is not over at once (a
 * server with a full queue) it is interrupted and left to the kernel: connect(2) on a socket that
 * is connecting already waits for that, wherever the address points, with the program's own
 * timeout and signals.
 */
#include "supervisor/call/host_calls.h"

#include "preload/real.h"
#include "supervisor/linux.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

enum { PATIENCE_US = 2000, PATIENCE_MS = 2 };

static struct deed *current;

static void wake_up(int number)
{
    (void)number; /* all it has to do is to interrupt */
}

void deeds_start(void)
{
    struct sigaction action = {.sa_handler = wake_up}; /* no SA_RESTART */
    sigset_t alarm;
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm, NULL);
}

void deed_begin(struct deed *deed)
{
    current = deed;
}

static bool is_as_asked(const struct sockaddr *address, socklen_t length)
{
    return length == current->length && memcmp(address, &current->address, length) == 0;
}

static bool is_held(void)
{
    if (ledger_holds(current->ledger, current->listener))
        return true;
    errno = EINTR; /* nobody will read it */
    return false;
}

/* A bind cannot be done twice, so that it is done is noted at once, for whoever answers then. */
int real_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    struct ledger *ledger = current->ledger;
    if (!is_held())
        return -1;
    atomic_store(&ledger->binding, ledger->call.id);
    int result = (int)syscall(SYS_bind, fd, address, length);
    if (result == 0)
        ledger_settle(ledger, 0, 0);
    atomic_store(&ledger->binding, 0);
    return result;
}

int real_listen(int fd, int backlog)
{
    return is_held() ? (int)syscall(SYS_listen, fd, backlog) : -1;
}

static int leave_it(void)
{
    current->is_left = true;
    return 0;
}

/* Ring again and again: the first could come before the waiting begins. */
static void set_clock(long microseconds)
{
    struct itimerval often = {.it_interval = {.tv_usec = microseconds},
                              .it_value = {.tv_usec = microseconds}};
    setitimer(ITIMER_REAL, &often, NULL);
}

static bool is_blocking(int fd)
{
    return (syscall(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK) == 0;
}

int real_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    if (is_as_asked(address, length))
        return leave_it();
    if (!is_held())
        return -1;
    if (!is_blocking(fd))
        return (int)syscall(SYS_connect, fd, address, length);
    set_clock(PATIENCE_US);
    int result = (int)syscall(SYS_connect, fd, address, length);
    int error = errno;
    set_clock(0);
    errno = error;
    return result != 0 && error == EINTR ? leave_it() : result;
}

/* Copy what the program sends out of its memory. */
static ptrdiff_t gather(unsigned char *bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < current->part_count && used < DEED_BYTES; i++) {
        size_t length = current->parts[i].iov_len;
        if (length > DEED_BYTES - used)
            length = DEED_BYTES - used; /* a stream may take less than all (send(2)) */
        if (!caller_read(current->caller, (uintptr_t)current->parts[i].iov_base, bytes + used,
                         length))
            return -1;
        used += length;
    }
    return (ptrdiff_t)used;
}

/* A blocking socket without a cookie of the server's sends after its handshake, which loopback
   finishes in a moment. */
static ssize_t send_when_connected(int fd, const unsigned char *bytes, size_t count, int flags)
{
    struct pollfd watched = {.fd = fd, .events = POLLOUT};
    poll(&watched, 1, PATIENCE_MS);
    return syscall(SYS_sendto, fd, bytes, count, (flags & ~MSG_FASTOPEN) | MSG_DONTWAIT, NULL, 0);
}

ssize_t real_sendto(int fd, const void *bytes, size_t count, int flags,
                    const struct sockaddr *address, socklen_t length)
{
    static unsigned char copy[DEED_BYTES];
    (void)bytes; /* they are in the program's memory */
    (void)count;
    if (is_as_asked(address, length))
        return leave_it();
    ptrdiff_t got = gather(copy);
    if (got < 0)
        return leave_it(); /* EFAULT, says the kernel */
    if (!is_held())
        return -1;
    int quiet = flags | MSG_DONTWAIT | MSG_NOSIGNAL;
    ssize_t sent = syscall(SYS_sendto, fd, copy, got, quiet, address, length);
    if (sent < 0 && errno == EINPROGRESS && is_blocking(fd) && (flags & MSG_DONTWAIT) == 0)
        sent = send_when_connected(fd, copy, (size_t)got, quiet);
    return sent;
}

/* The shared code's sendmsg is not used here: answer.c takes messages apart. */
ssize_t real_sendmsg(int fd, const struct msghdr *message, int flags)
{
    (void)fd;
    (void)message;
    (void)flags;
    return leave_it();
}
