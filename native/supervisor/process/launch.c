/*
 * How a tree begins: see launch.h.
 *
 * Theory of operation. The program's process installs the filter on itself, because a filter is
 * inherited and cannot be given. It sends the listener to the supervisor over a socket, waits for
 * the word that all is ready, and executes the program. Whatever fails before the filter is
 * installed leads to the program without Styxy; after that, a standby takes the place of a
 * supervisor that does not answer.
 *
 * run:    shell -> proxy -> supervisor -> program       The supervisor is an ancestor of the tree,
 *                                \-> standby              as Yama demands where it is on.
 * adopt:  parent -> program   init -> supervisor -> standby     The pid is what the parent knows.
 */
#include "supervisor/process/launch.h"

#include "supervisor/call/streams.h"
#include "supervisor/linux.h"
#include "supervisor/process/execute.h"
#include "supervisor/process/filter.h"
#include "supervisor/process/process_tree.h"
#include "supervisor/process/proxy_process.h"
#include "supervisor/process/standby.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { CANNOT_RUN = 126, NOT_FOUND = 127 };

static sigset_t entry_mask;
static struct sigaction entry_sigchld;

/* Block all signals; the program is executed with the mask as it was. */
static void block_signals(void)
{
    sigset_t all;
    struct sigaction as_default = {.sa_handler = SIG_DFL};
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &entry_mask);
    sigaction(SIGCHLD, &as_default, &entry_sigchld); /* ignored, it would reap for us */
}

static int signal_descriptor(bool children_only)
{
    sigset_t wanted;
    if (children_only) {
        sigemptyset(&wanted);
        sigaddset(&wanted, SIGCHLD);
    } else {
        sigfillset(&wanted);
    }
    return sys_above_stdio(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

static int execute(const char *path, char **words)
{
    sigaction(SIGCHLD, &entry_sigchld, NULL);
    sigprocmask(SIG_SETMASK, &entry_mask, NULL);
    if (path != NULL)
        execute_path(path, words);
    else
        execute_name(words);
    int status = errno == ENOENT || errno == ENOTDIR ? NOT_FOUND : CANNOT_RUN;
    fprintf(stderr, "styxy: %s: %s\n", words[0],
            errno == ENOENT ? "command not found" : strerror(errno));
    return status;
}

/* ---- the socket between program and supervisor ---- */

static bool send_listener(int socket, int listener)
{
    char byte = 'l';
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec body = {&byte, 1};
    struct msghdr message = {.msg_iov = &body,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.room};
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &listener, sizeof listener);
    return sys_call(SYS_sendmsg, socket, &message, MSG_NOSIGNAL) == 1;
}

static int receive_listener(int socket)
{
    char byte;
    int listener = -1;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec body = {&byte, 1};
    struct msghdr message = {.msg_iov = &body,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.room};
    if (sys_call(SYS_recvmsg, socket, &message, MSG_CMSG_CLOEXEC) == 1 &&
        control.header.cmsg_type == SCM_RIGHTS)
        memcpy(&listener, CMSG_DATA(&control.header), sizeof listener);
    return sys_above_stdio(listener);
}

/* Above 2: those may be closed, and the program must find them as they were. */
static bool make_pair(int sockets[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
        return false;
    sockets[0] = sys_above_stdio(sockets[0]);
    sockets[1] = sys_above_stdio(sockets[1]);
    return sockets[0] >= 0 && sockets[1] >= 0;
}

/*
 * Install the filter, and wait until a supervisor serves it; false where none does, neither this one
 * nor that of a tree which this is in.
 */
static bool install_and_wait(int socket, pid_t supervisor)
{
    char byte;
    prctl(PR_SET_PTRACER, supervisor, 0, 0, 0); /* for Yama; elsewhere EINVAL */
    int listener = filter_install();
    bool served = listener < 0 && errno == EBUSY;
    if (listener >= 0) {
        served = send_listener(socket, listener) && sys_read(socket, &byte, 1) == 1;
        struct pending_call *pending = served ? NULL : pending_call_create();
        if (pending != NULL)
            standby_start(pending, listener);
        sys_close(listener);
    }
    sys_close(socket);
    return served;
}

/* Take the preload library out of the program's environment; what others have put there stays. */
static void leave_library_out(void)
{
    static const char library[] = "/libstyxy.so";
    const char *list = getenv("LD_PRELOAD");
    char *kept = list != NULL ? calloc(strlen(list) + 2, 1) : NULL, *end = kept;
    if (kept == NULL)
        return;
    for (const char *at = list; at[0] != '\0'; at += at[0] != '\0') {
        size_t length = strcspn(at, ": "), tail = sizeof library - 1;
        bool is_ours = length >= tail && memcmp(at + length - tail, library, tail) == 0;
        if (length > 0 && !is_ours)
            end += sprintf(end, "%s%.*s", end > kept ? ":" : "", (int)length, at);
        at += length;
    }
    if (end > kept)
        setenv("LD_PRELOAD", kept, 1);
    else
        unsetenv("LD_PRELOAD");
    free(kept);
}

/* ---- the supervisor ---- */

/* Close the program's descriptors: a pipe that stayed open here would not end with the program. */
static void close_all_but(int *first, int *second)
{
    int null = sys_open("/dev/null", O_RDWR, 0);
    streams_start();
    for (int fd = 0; fd <= 2; fd++)
        sys_call(SYS_dup3, null, fd, 0);
    int kept[2] = {*first, *second};
    int copies[2] = {-1, -1};
    /* Above everything that may be open, then down to 3 and 4. */
    for (int i = 0; i < 2; i++)
        if (kept[i] >= 0)
            copies[i] = (int)sys_call(SYS_fcntl, kept[i], F_DUPFD_CLOEXEC, 5);
    for (int i = 0; i < 2; i++)
        if (copies[i] >= 0)
            sys_call(SYS_dup3, copies[i], 3 + i, O_CLOEXEC);
    *first = kept[0] >= 0 ? 3 : -1;
    *second = kept[1] >= 0 ? 4 : -1;
    sys_close_from(5);
    umask(077);
    if (chdir("/") != 0)
        return; /* EACCES: the directory stays busy */
}

static void supervise(int socket, int proxy, pid_t program)
{
    char ready = 'r';
    struct process_tree tree = {.proxy = proxy, .program = program};
    setsid();
    prctl(PR_SET_NAME, "styxy-seccomp", 0, 0, 0);
    close_all_but(&socket, &tree.proxy);
    tree.pending = pending_call_create();
    tree.signals = signal_descriptor(true);
    tree.listener = receive_listener(socket);
    if (tree.listener >= 0 && tree.pending != NULL)
        tree.standby = standby_start(tree.pending, tree.listener);
    bool served = tree.standby > 0 && sys_send(socket, &ready, 1) == 1;
    sys_close(socket);
    if (served)
        process_tree_serve(&tree);
    else
        process_tree_wait(&tree);
}

/* Become the supervisor of a child; the proxy process learns the child's pid. */
static int start_below_proxy(char **words, int proxy)
{
    int sockets[2];
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (!make_pair(sockets))
        return CANNOT_RUN;
    pid_t supervisor = getpid();
    pid_t program = fork();
    if (program == 0) {
        sys_close(proxy);
        sys_close(sockets[0]);
        install_and_wait(sockets[1], supervisor);
        _exit(execute(NULL, words));
    }
    sys_close(sockets[1]);
    struct program_state state = {.code = 0, .status = program};
    sys_send(proxy, &state, sizeof state);
    if (program > 0)
        supervise(sockets[0], proxy, program);
    return program > 0 ? 0 : CANNOT_RUN;
}

int launch_run(char **words)
{
    int sockets[2];
    struct program_state state = {0};
    block_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (!make_pair(sockets))
        return execute(NULL, words);
    pid_t supervisor = fork();
    if (supervisor == 0) {
        sys_close(sockets[0]);
        _exit(start_below_proxy(words, sockets[1]));
    }
    sys_close(sockets[1]);
    if (supervisor < 0 || sys_read(sockets[0], &state, sizeof state) != sizeof state ||
        state.status <= 0) {
        sys_close(sockets[0]);
        return execute(NULL, words);
    }
    struct proxy_process proxy = {
        .program = state.status, .supervisor = supervisor, .states = sockets[0]};
    int none = -1;
    close_all_but(&proxy.states, &none);
    proxy.signals = signal_descriptor(false);
    return proxy_process_run(&proxy);
}

/* What the process that becomes a supervisor does. */
static void become_supervisor(const struct adoption *adoption, const int sockets[2])
{
    sys_close(sockets[1]);
    if (adoption->home[0] != '\0')
        setenv("STYXY_HOME", adoption->home, 1);
    if (adoption->socket[0] != '\0')
        setenv("STYXY_SOCKET", adoption->socket, 1);
    supervise(sockets[0], -1, 0);
    _exit(0);
}

/*
 * Fork the supervisor off, so that it is not a child of the program: by a process between, which
 * has this one's memory while this one waits, and leaves the supervisor's pid there.
 */
static bool fork_off(const struct adoption *adoption, const int sockets[2],
                     volatile pid_t *supervisor)
{
    *supervisor = -1;
    pid_t between = vfork();
    if (between == 0) {
        *supervisor = fork();
        if (*supervisor == 0)
            become_supervisor(adoption, sockets);
        _exit(0);
    }
    sys_close(sockets[0]);
    return between > 0 && waitpid(between, NULL, 0) == between && *supervisor > 0;
}

int launch_adopt(const struct adoption *adoption)
{
    int sockets[2];
    volatile pid_t supervisor;
    bool served = false;
    block_signals();
    if (make_pair(sockets)) {
        if (fork_off(adoption, sockets, &supervisor))
            served = install_and_wait(sockets[1], supervisor);
        else
            sys_close(sockets[1]);
    }
    if (served && adoption->replaces_library)
        leave_library_out();
    return execute(adoption->path, adoption->words);
}
