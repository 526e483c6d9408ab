/*
 * What becomes of one call: see dispatch.h.
 *
 * Theory of operation. The arguments are copied once, and everything that follows works on the copy
 * and on a duplicate of the socket, so that no thread of the program can change what was decided
 * while we act on it. Only a call that needs nothing of us is let through, and then the kernel
 * reads the arguments again: a program that changes them in between gets what it would get without
 * Styxy. Nothing here is a barrier against a program that wants to get around it.
 */
#include "supervisor/call/dispatch.h"

#include "guest/intercepted.h"
#include "guest/kernel/address.h"
#include "supervisor/call/host_calls.h"
#include "supervisor/call/host_sockets.h"
#include "supervisor/call/outlook_cache.h"
#include "supervisor/call/socket_name.h"
#include "supervisor/call/streams.h"
#include "supervisor/linux.h"

/* ---- whether a call concerns us ---- */

static bool is_ours(const struct host_call *call)
{
    struct target target;
    return address_read(&call->address, call->length, &target);
}

static bool is_ours_on_loopback(const struct host_call *call)
{
    struct target target;
    return address_read(&call->address, call->length, &target) && address_is_loopback(&target) &&
           !outlook_cache_is_plain(call->caller->traced, &target);
}

static bool is_always_ours(const struct host_call *call)
{
    (void)call;
    return true;
}

/* ---- what is read of a call beside its address ---- */

static uint64_t argument(const struct host_call *call, int number)
{
    return call->pending->notification.data.args[number];
}

static bool read_nothing(struct host_call *call)
{
    (void)call;
    return true;
}

/* Remember where the bytes of sendto are. */
static bool read_bytes(struct host_call *call)
{
    call->parts[0] = (struct iovec){(void *)(uintptr_t)argument(call, 1), argument(call, 2)};
    call->part_count = 1;
    return true;
}

/* Take sendmsg's message apart; one with control messages is left for the kernel to read. */
static bool read_message(struct host_call *call)
{
    struct msghdr message;
    if (!caller_read(call->caller, argument(call, 1), &message, sizeof message) ||
        message.msg_namelen > sizeof call->address || message.msg_iovlen > HOST_CALL_PARTS ||
        message.msg_controllen != 0)
        return false;
    call->length = message.msg_namelen;
    call->part_count = message.msg_iovlen;
    return caller_read(call->caller, (uintptr_t)message.msg_name, &call->address, call->length) &&
           caller_read(call->caller, (uintptr_t)message.msg_iov, call->parts,
                       call->part_count * sizeof *call->parts);
}

/* ---- performing each call, on a duplicate of the socket ---- */

static long perform_bind(const struct host_call *call, int fd)
{
    return bind(fd, (const struct sockaddr *)&call->address, call->length);
}

static long perform_connect(const struct host_call *call, int fd)
{
    return connect(fd, (const struct sockaddr *)&call->address, call->length);
}

static long perform_send(const struct host_call *call, int fd, uint64_t flags)
{
    return sendto(fd, NULL, 0, (int)flags, (const struct sockaddr *)&call->address, call->length);
}

static long perform_sendto(const struct host_call *call, int fd)
{
    return perform_send(call, fd, argument(call, 3));
}

static long perform_sendmsg(const struct host_call *call, int fd)
{
    return perform_send(call, fd, argument(call, 2));
}

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    sys_option(fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie);
    return cookie;
}

/*
 * listen() may have put a fresh socket in the place of the old one (relisten.h), in our duplicate:
 * then do the same in the program.
 */
static long perform_listen(const struct host_call *call, int fd)
{
    int theirs = (int)argument(call, 0);
    uint64_t before = cookie_of(fd);
    socket_name_before_listen(&call->caller->traced->image, fd);
    int result = listen(fd, (int)argument(call, 1));
    if (result != 0)
        return result;
    socket_name_after_listen(&call->caller->traced->image, fd);
    if (cookie_of(fd) == before)
        return 0;
    if (host_sockets_put(call, theirs, fd))
        return 0;
    errno = EADDRINUSE; /* what listen said */
    return -1;
}

/* ---- the rule of each call, derived from its row in intercepted.h ---- */

struct rule {
    long number;
    int address; /* the argument that is an address, followed by its length; -1 = none */
    bool (*concerns_us)(const struct host_call *call);
    bool (*read_more)(struct host_call *call); /* what else it needs; false leaves the call alone */
    long (*perform)(const struct host_call *call, int fd);
};

/* The column `address`. */
#define NO_ADDRESS -1, is_always_ours, read_nothing
#define ANY(argument) (argument), is_ours, read_nothing
#define LOOPBACK(argument) (argument), is_ours_on_loopback, read_nothing
#define LOOPBACK_AND_BYTES(argument) (argument), is_ours_on_loopback, read_bytes
#define LOOPBACK_IN_MESSAGE(argument) -1, is_ours_on_loopback, read_message

#define ROW(name, number, notify, address, ...) {number, address, perform_##name},
static const struct rule RULES[] = {INTERCEPTED_CALLS(ROW, NOTHING_OF, NOTHING_OF)};

static const struct rule *rule_for(long number)
{
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
        if (RULES[i].number == number)
            return &RULES[i];
    return NULL;
}

/* ---- one call ---- */

/* Learn who calls, and with what arguments; false leaves the call to the kernel. */
static bool read_call(struct host_call *call, const struct rule *rule)
{
    uint64_t where = 0;
    if (rule->address >= 0) {
        uint32_t length = (uint32_t)argument(call, rule->address + 1);
        where = argument(call, rule->address);
        if (length > sizeof call->address)
            return false; /* the kernel says EINVAL */
        call->length = length;
    }
    call->caller = caller_find((int)call->pending->notification.pid, where, &call->address,
                               call->length);
    if (call->caller == NULL || call->caller->traced == NULL || call->caller->traced->is_absent)
        return false;
    traced_image_use(call->caller->traced, call->caller->pid);
    return rule->read_more(call);
}

/* Perform it on a duplicate of the socket; false leaves it to the kernel. */
static bool perform(struct host_call *call, const struct rule *rule)
{
    int fd = caller_descriptor(call->caller, (int)argument(call, 0));
    if (fd < 0)
        return false;
    bool is_waiting = pending_call_is_waiting(call->pending, call->listener);
    if (is_waiting) {
        streams_of(call->caller);
        host_call_begin(call);
        errno = 0;
        long result = rule->perform(call, fd);
        if (!call->is_left)
            pending_call_set_result(call->pending, result, result < 0 ? errno : 0);
        streams_return();
    }
    sys_close(fd);
    return is_waiting && !call->is_left;
}

void dispatch_call(struct pending_call *pending, int listener)
{
    static struct host_call call;
    const struct rule *rule = rule_for(pending->notification.data.nr);
    call = (struct host_call){.pending = pending, .listener = listener};
    if (rule == NULL || !read_call(&call, rule) || !rule->concerns_us(&call) ||
        !perform(&call, rule))
        pending_call_let_through(pending);
}
