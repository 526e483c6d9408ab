/* libc's functions behind ours, or those of the next preload library. */
#ifndef STYXY_REAL_H
#define STYXY_REAL_H

#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

void real_find(void);

/* Whether another copy of this library comes behind this one, and does its work. */
bool real_has_other_copy(void);

int real_bind(int fd, const struct sockaddr *address, socklen_t length);
int real_listen(int fd, int backlog);
int real_connect(int fd, const struct sockaddr *address, socklen_t length);
ssize_t real_sendto(int fd, const void *bytes, size_t count, int flags,
                    const struct sockaddr *address, socklen_t length);
ssize_t real_sendmsg(int fd, const struct msghdr *message, int flags);
int real_getsockname(int fd, struct sockaddr *address, socklen_t *length);

int real_execve(const char *path, char *const words[], char *const environment[]);
int real_execvpe(const char *name, char *const words[], char *const environment[]);
int real_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const words[],
                     char *const environment[]);
int real_posix_spawnp(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const words[],
                      char *const environment[]);

#endif
