/*
 * What becomes of one call: see answer.h.
 *
 * Theory of operation. The arguments are copied once, and all that follows works on the copy and on
 * a duplicate of the socket, so that no thread of the program can change under our hands what was
 * decided. Only a call that needs nothing of us is let through, and then the kernel reads the
 * arguments again: a program that changes them in between gets what it would get without Styxy.
 * Nothing here is a barrier against a program that wants to get around it.
 */
#include "supervisor/call/dispatch.h"

#include "guest/kernel/address.h"
#include "supervisor/call/host_calls.h"
#include "supervisor/call/outlook_cache.h"
#include "supervisor/linux.h"
#include "supervisor/traced_image/streams.h"

#include <stdio.h>
#include <string.h>

/* ---- what each call needs of us ---- */

static bool wants_bind(const struct deed *deed)
{
    struct target target;
    return policy_read(&deed->address, deed->length, &target);
}

static bool wants_connect(const struct deed *deed)
{
    struct target target;
    return policy_read(&deed->address, deed->length, &target) && policy_is_loopback(&target) &&
           !glance_is_plain(deed->caller->subject, &target);
}

static bool wants_listen(const struct deed *deed)
{
    (void)deed;
    return true;
}

static long do_bind(const struct deed *deed, int fd)
{
    return bind(fd, (const struct sockaddr *)&deed->address, deed->length);
}

static long do_connect(const struct deed *deed, int fd)
{
    return connect(fd, (const struct sockaddr *)&deed->address, deed->length);
}

static int flags_argument(const struct deed *deed)
{
    const struct seccomp_data *data = &deed->ledger->call.data;
    return (int)data->args[data->nr == SYS_sendto ? 3 : 2];
}

static long do_send(const struct deed *deed, int fd)
{
    return sendto(fd, NULL, 0, flags_argument(deed), (const struct sockaddr *)&deed->address,
                  deed->length);
}

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    sys_option(fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie);
    return cookie;
}

/* Whether a descriptor of the program is closed at exec (proc(5), fdinfo). */
static bool closes_at_exec(int pid, int fd)
{
    char text[256], path[64];
    unsigned flags = 0;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, fd);
    int file = sys_open(path, O_RDONLY, 0);
    ptrdiff_t got = file < 0 ? 0 : sys_read(file, text, sizeof text - 1);
    if (file >= 0)
        sys_close(file);
    text[got > 0 ? got : 0] = '\0';
    const char *line = strstr(text, "flags:");
    return line != NULL && sscanf(line, "flags: %o", &flags) == 1 && (flags & O_CLOEXEC) != 0;
}

/* listen may have put a fresh socket in the old one's place (repair.h): here, and now there. */
static long do_listen(const struct deed *deed, int fd)
{
    const struct seccomp_data *data = &deed->ledger->call.data;
    int theirs = (int)data->args[0];
    uint64_t before = cookie_of(fd);
    int result = listen(fd, (int)data->args[1]);
    if (result != 0 || cookie_of(fd) == before)
        return result;
    struct seccomp_notif_addfd fresh = {
        .id = deed->ledger->call.id,
        .flags = SECCOMP_ADDFD_FLAG_SETFD,
        .srcfd = (uint32_t)fd,
        .newfd = (uint32_t)theirs,
        .newfd_flags = closes_at_exec(deed->caller->pid, theirs) ? O_CLOEXEC : 0,
    };
    if (ioctl(deed->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &fresh) >= 0)
        return 0;
    errno = EADDRINUSE; /* what listen said */
    return -1;
}

/* The system calls of the filter, and which arguments are an address and its length. */
static const struct rule {
    long number;
    int address, length; /* -1 = none */
    bool (*wants)(const struct deed *deed);
    long (*perform)(const struct deed *deed, int fd);
} RULES[] = {
    {SYS_connect, 1, 2, wants_connect, do_connect},
    {SYS_bind, 1, 2, wants_bind, do_bind},
    {SYS_listen, -1, -1, wants_listen, do_listen},
    {SYS_sendto, 4, 5, wants_connect, do_send},
    {SYS_sendmsg, -1, -1, wants_connect, do_send},
};

static const struct rule *rule_for(long number)
{
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
        if (RULES[i].number == number)
            return &RULES[i];
    return NULL;
}

/* ---- one call ---- */

/* Take the message apart that sendmsg is given; one with control messages is the kernel's to read. */
static bool read_message(struct deed *deed, uint64_t where)
{
    struct msghdr message;
    if (!caller_read(deed->caller, where, &message, sizeof message) ||
        message.msg_namelen > sizeof deed->address || message.msg_iovlen > DEED_PARTS ||
        message.msg_controllen != 0)
        return false;
    deed->length = message.msg_namelen;
    deed->part_count = message.msg_iovlen;
    return caller_read(deed->caller, (uintptr_t)message.msg_name, &deed->address, deed->length) &&
           caller_read(deed->caller, (uintptr_t)message.msg_iov, deed->parts,
                       deed->part_count * sizeof *deed->parts);
}

/* Learn who calls and with what; false leaves the call to the kernel. */
static bool read_deed(struct deed *deed, const struct rule *rule)
{
    const struct seccomp_notif *call = &deed->ledger->call;
    const __u64 *arguments = call->data.args;
    uint64_t where = 0;
    if (rule->address >= 0) {
        where = arguments[rule->address];
        if ((uint32_t)arguments[rule->length] > sizeof deed->address)
            return false; /* EINVAL, says the kernel */
        deed->length = (socklen_t)arguments[rule->length];
    }
    deed->caller = caller_find((int)call->pid, where, &deed->address, deed->length);
    if (deed->caller == NULL || deed->caller->subject == NULL || deed->caller->subject->is_absent)
        return false;
    subject_use(deed->caller->subject, deed->caller->pid);
    if (rule->number == SYS_sendmsg)
        return read_message(deed, arguments[1]);
    if (rule->number == SYS_sendto) {
        deed->parts[0] = (struct iovec){(void *)(uintptr_t)arguments[1], arguments[2]};
        deed->part_count = 1;
    }
    return true;
}

/* Perform it on a duplicate of the socket; false leaves it to the kernel. */
static bool perform(struct deed *deed, const struct rule *rule)
{
    int fd = caller_descriptor(deed->caller, (int)deed->ledger->call.data.args[0]);
    if (fd < 0)
        return false;
    bool is_there = ledger_holds(deed->ledger, deed->listener);
    if (is_there) {
        streams_of(deed->caller);
        deed_begin(deed);
        errno = 0;
        long result = rule->perform(deed, fd);
        if (!deed->is_left)
            ledger_settle(deed->ledger, result, result < 0 ? errno : 0);
        streams_return();
    }
    sys_close(fd);
    return is_there && !deed->is_left;
}

void answer_call(struct ledger *ledger, int listener)
{
    static struct deed deed;
    const struct rule *rule = rule_for(ledger->call.data.nr);
    deed = (struct deed){.ledger = ledger, .listener = listener};
    if (rule == NULL || !read_deed(&deed, rule) || !rule->wants(&deed) || !perform(&deed, rule))
        ledger_let_through(ledger);
}
