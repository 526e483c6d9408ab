/* The filter: see filter.h. */
#include "supervisor/process/filter.h"

#include "guest/intercepted.h"
#include "supervisor/linux.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define OUR_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define OUR_ARCH AUDIT_ARCH_S390X
#else
#error "which architecture is this to the audit subsystem?"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_HALF 0
#else
#define LOW_HALF 4
#endif

#define DATA(field) ((unsigned)offsetof(struct seccomp_data, field))
#define ARGUMENT(n) (DATA(args) + 8 * (n) + LOW_HALF)
#define LOAD(where) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (where))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define NOTIFY RETURN(SECCOMP_RET_USER_NOTIF)
#define ALLOW RETURN(SECCOMP_RET_ALLOW)

/* Each of these tests skips the one statement behind it, a RETURN, or does not. */
#define IF_EQUAL(value, statement) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1), statement
#define UNLESS_EQUAL(value, statement) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 1, 0), statement
#define IF_ANY_BIT(bits, statement) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), statement

/* This one skips as many statements as it is given. */
#define LENGTH(...) (sizeof((struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter))
#define ONLY_FOR(number, ...)                                                                      \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, LENGTH(__VA_ARGS__)), __VA_ARGS__

/*
 * The column `notify` of intercepted.h. The length of an address tells most Internet ones from
 * those of Unix sockets, which have as many bytes as their path, or 110: sockaddr_in, sockaddr_in6
 * with and without its scope, unions of these, sockaddr_storage.
 */
#define ALWAYS NOTIFY
#define INTERNET_LENGTH(argument)                                                                  \
    LOAD(ARGUMENT(argument)), IF_EQUAL(16, NOTIFY), IF_EQUAL(28, NOTIFY), IF_EQUAL(24, NOTIFY),    \
        IF_EQUAL(32, NOTIFY), IF_EQUAL(112, NOTIFY), IF_EQUAL(128, NOTIFY), ALLOW
#define FAST_OPEN(argument) LOAD(ARGUMENT(argument)), IF_ANY_BIT(MSG_FASTOPEN, NOTIFY), ALLOW

#define ROW(name, number, notify, ...) ONLY_FOR(number, notify),

/*
 * Programs of another architecture (32-bit ones) and system calls with the x32 bit pass: they have
 * other numbers.
 */
static struct sock_filter program[] = {
    LOAD(DATA(arch)),
    UNLESS_EQUAL(OUR_ARCH, ALLOW),
    LOAD(DATA(nr)),
    INTERCEPTED_CALLS(ROW, NOTHING_OF, NOTHING_OF)
    ALLOW,
};

static int install(unsigned flags)
{
    struct sock_fprog whole = {.len = sizeof program / sizeof *program, .filter = program};
    return (int)sys_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole);
}

/*
 * Older kernels lack the second and third flag; without them there are more EINTRs, nothing worse.
 */
static int install_with_known_flags(void)
{
    const unsigned flags[] = {
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW |
            SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        SECCOMP_FILTER_FLAG_NEW_LISTENER,
    };
    int listener = -1;
    for (int i = 0; i < 3 && listener < 0; i++) {
        listener = install(flags[i]);
        if (listener < 0 && errno != EINVAL)
            break;
    }
    return listener;
}

int filter_install(void)
{
    int listener = install_with_known_flags();
    if (listener < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        listener = install_with_known_flags();
    return listener;
}

/* Do with a child what a supervisor does: take its descriptor `fd`, read its memory; 0 or errno. */
static int try_access(pid_t child, int fd)
{
    char byte, copy = 0;
    struct iovec here = {&copy, 1}, there = {&byte, 1}; /* the child has it at the same place */
    int error = 0, pidfd = (int)sys_call(SYS_pidfd_open, child, 0);
    int taken = pidfd < 0 ? -1 : (int)sys_call(SYS_pidfd_getfd, pidfd, fd, 0);
    if (taken < 0 || sys_call(SYS_process_vm_readv, child, &here, 1, &there, 1, 0) != 1)
        error = errno;
    if (taken >= 0)
        sys_close(taken);
    if (pidfd >= 0)
        sys_close(pidfd);
    return error;
}

/*
 * What the child of a trial does: install the filter, report the result, and wait to be released.
 */
static void try_installing(int socket)
{
    int error = filter_install() >= 0 ? 0 : errno;
    sys_send(socket, &error, sizeof error);
    sys_read(socket, &error, sizeof error);
    _exit(0);
}

int filter_try(void)
{
    struct seccomp_notif_sizes sizes;
    int sockets[2], error = EPERM; /* what holds if the child is killed for trying */
    if (sys_call(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
        return errno;
    pid_t child = fork();
    if (child < 0)
        return errno;
    if (child == 0) {
        sys_close(sockets[0]);
        try_installing(sockets[1]);
    }
    sys_close(sockets[1]);
    if (sys_read(sockets[0], &error, sizeof error) == sizeof error && error == 0)
        error = try_access(child, sockets[1]);
    sys_close(sockets[0]);
    waitpid(child, NULL, 0);
    return error;
}
