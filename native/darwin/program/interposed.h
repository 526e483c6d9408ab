/*
 * The calls that the library for macOS takes the place of. Those of guest/ and preload/ are rows of
 * the one table (guest/intercepted.h); sendto and sendmsg are not among them, for no flag of theirs
 * connects there, nor is fork, for which pthread_atfork(3) does. connectx(2), which connects with
 * or without data, is macOS's own.
 *
 * native/build.py reads the rows, and the tests compare them with the library.
 */
#ifndef STYXY_INTERPOSED_H
#define STYXY_INTERPOSED_H

#include <spawn.h>
#include <sys/socket.h>
#include <sys/types.h>

#define INTERPOSED_CALLS(CALL)                                                                     \
    CALL(bind)                                                                                     \
    CALL(connect)                                                                                  \
    CALL(connectx)                                                                                 \
    CALL(listen)                                                                                   \
    CALL(getsockname)                                                                              \
    CALL(execve)                                                                                   \
    CALL(execv)                                                                                    \
    CALL(posix_spawn)                                                                              \
    CALL(posix_spawnp)

int styxy_bind(int fd, const struct sockaddr *address, socklen_t length);
int styxy_connect(int fd, const struct sockaddr *address, socklen_t length);
int styxy_connectx(int fd, const sa_endpoints_t *ends, sae_associd_t association, unsigned flags,
                   const struct iovec *bytes, unsigned count, size_t *sent,
                   sae_connid_t *connection);
int styxy_listen(int fd, int backlog);
int styxy_getsockname(int fd, struct sockaddr *restrict address, socklen_t *restrict length);
int styxy_execve(const char *path, char *const words[], char *const environment[]);
int styxy_execv(const char *path, char *const words[]);
int styxy_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const words[],
                      char *const environment[]);
int styxy_posix_spawnp(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const words[],
                       char *const environment[]);

#endif
