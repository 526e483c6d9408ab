/* libc's functions behind ours, or those of the next preload library; host.h has the others. */
#ifndef STYXY_REAL_H
#define STYXY_REAL_H

#include <spawn.h>
#include <sys/socket.h>
#include <sys/types.h>

void real_find(void);

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
