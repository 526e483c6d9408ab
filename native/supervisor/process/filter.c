/* The filter: see filter.h. */
#include "supervisor/process/filter.h"

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
#define GIVE(action) BPF_STMT(BPF_RET | BPF_K, (action))
/* Compare, and skip `yes` or `no` instructions. */
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define IF_BITS(bits, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (yes), (no))

/*
 * Programs of another architecture (32-bit ones) and system calls with the x32 bit pass: their
 * numbers are others.
 *
 * The length of an address tells most Internet ones from those of Unix sockets, which have as many
 * bytes as their path, or 110: sockaddr_in, sockaddr_in6 with and without its scope, unions of
 * these, sockaddr_storage.
 */
static struct sock_filter program[] = {
    /*  0 */ LOAD(DATA(arch)),
    /*  1 */ IF_EQUAL(OUR_ARCH, 0, 19),
    /*  2 */ LOAD(DATA(nr)),
    /*  3 */ IF_EQUAL(SYS_connect, 5, 0),
    /*  4 */ IF_EQUAL(SYS_bind, 4, 0),
    /*  5 */ IF_EQUAL(SYS_listen, 14, 0),
    /*  6 */ IF_EQUAL(SYS_sendto, 9, 0),
    /*  7 */ IF_EQUAL(SYS_sendmsg, 10, 0),
    /*  8 */ GIVE(SECCOMP_RET_ALLOW),
    /*  9 */ LOAD(ARGUMENT(2)),
    /* 10 */ IF_EQUAL(16, 9, 0),
    /* 11 */ IF_EQUAL(28, 8, 0),
    /* 12 */ IF_EQUAL(24, 7, 0),
    /* 13 */ IF_EQUAL(32, 6, 0),
    /* 14 */ IF_EQUAL(112, 5, 0),
    /* 15 */ IF_EQUAL(128, 4, 5),
    /* 16 */ LOAD(ARGUMENT(3)),
    /* 17 */ IF_BITS(MSG_FASTOPEN, 2, 3),
    /* 18 */ LOAD(ARGUMENT(2)),
    /* 19 */ IF_BITS(MSG_FASTOPEN, 0, 1),
    /* 20 */ GIVE(SECCOMP_RET_USER_NOTIF),
    /* 21 */ GIVE(SECCOMP_RET_ALLOW),
};

static int install(unsigned flags)
{
    struct sock_fprog whole = {.len = sizeof program / sizeof *program, .filter = program};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole);
}

/* Older kernels lack the second and third flag: without them there are more EINTRs, and no more. */
static int install_with_what_there_is(void)
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
    int listener = install_with_what_there_is();
    if (listener < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        listener = install_with_what_there_is();
    return listener;
}

/* Whether we may do with a child what a supervisor does: take its descriptor `fd`, read its memory. */
static int try_access(pid_t child, int fd)
{
    char byte, copy = 0;
    struct iovec here = {&copy, 1}, there = {&byte, 1}; /* where the child has it, too */
    int error = 0, pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    int taken = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    if (taken < 0 || syscall(SYS_process_vm_readv, child, &here, 1, &there, 1, 0) != 1)
        error = errno;
    if (taken >= 0)
        sys_close(taken);
    if (pidfd >= 0)
        sys_close(pidfd);
    return error;
}

/* What the child of a trial does: install the filter, say what came of it, and wait to be let go. */
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
    int sockets[2], error = EPERM; /* where the child is killed for what it tries */
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0 ||
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
