/*
 * The one table of intercepted calls.
 *
 * Derived from it: the symbols that the preload library exports (native/build.py), the real
 * functions behind them (host.h, preload/real.h, preload/real.c), the seccomp filter
 * (supervisor/process/filter.c) and what the supervisor does with each notification
 * (supervisor/call/dispatch.c). To intercept a further call, add a row and the function of its
 * name: guest/calls/ has those of BOTH, preload/ the others. A row of BOTH also says how the
 * supervisor performs the call: perform_NAME in dispatch.c, and real_NAME in
 * supervisor/call/host_calls.c for what is left to the kernel.
 *
 * BOTH      intercepted by the preload library and by the supervisor
 *   name
 *   system call
 *   notify    which of the calls the filter hands to the supervisor:
 *             ALWAYS, INTERNET_LENGTH(argument), FAST_OPEN(argument of the flags)
 *   address   what the supervisor reads of one, and which addresses concern us:
 *             NO_ADDRESS, ANY(argument), LOOPBACK(argument), both followed by the length,
 *             LOOPBACK_AND_BYTES(argument), LOOPBACK_IN_MESSAGE(argument)
 *   result, parameters, arguments
 * LIBRARY   intercepted by the preload library alone
 *   name
 *   otherwise what the real function does where no library has it
 *   result, parameters, arguments
 * SPELLING  another form of a call above, which it leads to
 *   name
 */
#ifndef STYXY_INTERCEPTED_H
#define STYXY_INTERCEPTED_H

#define INTERCEPTED_CALLS(BOTH, LIBRARY, SPELLING)                                                 \
    BOTH(connect, SYS_connect, INTERNET_LENGTH(2), LOOPBACK(1), int,                               \
         (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))        \
    BOTH(bind, SYS_bind, INTERNET_LENGTH(2), ANY(1), int,                                          \
         (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))        \
    BOTH(listen, SYS_listen, ALWAYS, NO_ADDRESS, int,                                              \
         (int fd, int backlog), (fd, backlog))                                                     \
    BOTH(sendto, SYS_sendto, FAST_OPEN(3), LOOPBACK_AND_BYTES(4), ssize_t,                         \
         (int fd, const void *bytes, size_t count, int flags, const struct sockaddr *address,      \
          socklen_t length),                                                                       \
         (fd, bytes, count, flags, address, length))                                               \
    BOTH(sendmsg, SYS_sendmsg, FAST_OPEN(2), LOOPBACK_IN_MESSAGE(1), ssize_t,                      \
         (int fd, const struct msghdr *message, int flags), (fd, message, flags))                  \
                                                                                                   \
    LIBRARY(getsockname, (int)sys_call(SYS_getsockname, fd, address, length), int,                  \
            (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))          \
    LIBRARY(fork, (errno = ENOSYS, -1), pid_t, (void), ())                                         \
    LIBRARY(execve, (int)sys_call(SYS_execve, path, words, environment), int,                       \
            (const char *path, char *const words[], char *const environment[]),                    \
            (path, words, environment))                                                            \
    LIBRARY(execvpe, real_execve(name, words, environment), int,                                   \
            (const char *name, char *const words[], char *const environment[]),                    \
            (name, words, environment))                                                            \
    LIBRARY(posix_spawn, ENOSYS, int,                                                              \
            (pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,              \
             const posix_spawnattr_t *attributes, char *const words[], char *const environment[]), \
            (pid, path, actions, attributes, words, environment))                                  \
    LIBRARY(posix_spawnp, ENOSYS, int,                                                             \
            (pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,              \
             const posix_spawnattr_t *attributes, char *const words[], char *const environment[]), \
            (pid, name, actions, attributes, words, environment))                                  \
                                                                                                   \
    SPELLING(execl)                                                                                \
    SPELLING(execle)                                                                               \
    SPELLING(execlp)                                                                               \
    SPELLING(execv)                                                                                \
    SPELLING(execvp)

/*
 * What our function for a call is named. On Linux it has the call's own name, and stands before
 * libc's; on macOS, where dyld puts it in the place of libc's, it needs another (native/build.py).
 */
#ifndef INTERCEPTED
#define INTERCEPTED(name) name
#endif

/* For a kind of rows from which nothing is derived. */
#define NOTHING_OF(...)

#endif
