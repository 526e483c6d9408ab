/*
 * libc's functions behind ours.
 *
 * They are looked up when the library is loaded, because dlsym may take the linker's lock and must
 * not run in a signal handler. A call before that (in the constructor of another library) looks up
 * for itself, and where nothing is found the kernel is called.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "preload/real.h"

#include "guest/host.h"
#include "guest/kernel/sys.h"

#include <dlfcn.h>
#include <stdatomic.h>

enum { BIND, LISTEN, CONNECT, SENDTO, SENDMSG, GETSOCKNAME,
       EXECVE, EXECVPE, SPAWN, SPAWNP, COUNT };

static const char *const NAMES[COUNT] = {"bind",   "listen",  "connect",
                                         "sendto", "sendmsg", "getsockname",
                                         "execve", "execvpe", "posix_spawn",
                                         "posix_spawnp"};

static _Atomic(void *) next[COUNT];
static atomic_bool looked;

void real_find(void)
{
    for (int i = 0; i < COUNT; i++)
        atomic_store(&next[i], dlsym(RTLD_NEXT, NAMES[i]));
    atomic_store(&looked, true);
}

static void *next_of(int which)
{
    if (!atomic_load(&looked))
        real_find();
    return atomic_load(&next[which]);
}

/* POSIX has dlsym's object pointer hold a function; ISO C has no cast for it. */

int real_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    union { void *object; int (*function)(int, const struct sockaddr *, socklen_t); } found;
    found.object = next_of(BIND);
    return found.object != NULL ? found.function(fd, address, length)
                                : (int)syscall(SYS_bind, fd, address, length);
}

int real_listen(int fd, int backlog)
{
    union { void *object; int (*function)(int, int); } found;
    found.object = next_of(LISTEN);
    return found.object != NULL ? found.function(fd, backlog)
                                : (int)syscall(SYS_listen, fd, backlog);
}

int real_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    union { void *object; int (*function)(int, const struct sockaddr *, socklen_t); } found;
    found.object = next_of(CONNECT);
    return found.object != NULL ? found.function(fd, address, length)
                                : (int)syscall(SYS_connect, fd, address, length);
}

ssize_t real_sendto(int fd, const void *bytes, size_t count, int flags,
                    const struct sockaddr *address, socklen_t length)
{
    union {
        void *object;
        ssize_t (*function)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    } found;
    found.object = next_of(SENDTO);
    return found.object != NULL
               ? found.function(fd, bytes, count, flags, address, length)
               : syscall(SYS_sendto, fd, bytes, count, flags, address, length);
}

ssize_t real_sendmsg(int fd, const struct msghdr *message, int flags)
{
    union { void *object; ssize_t (*function)(int, const struct msghdr *, int); } found;
    found.object = next_of(SENDMSG);
    return found.object != NULL ? found.function(fd, message, flags)
                                : syscall(SYS_sendmsg, fd, message, flags);
}

int real_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    union { void *object; int (*function)(int, struct sockaddr *, socklen_t *); } found;
    found.object = next_of(GETSOCKNAME);
    return found.object != NULL ? found.function(fd, address, length)
                                : (int)syscall(SYS_getsockname, fd, address, length);
}

int real_execve(const char *path, char *const words[], char *const environment[])
{
    union {
        void *object;
        int (*function)(const char *, char *const[], char *const[]);
    } found;
    found.object = next_of(EXECVE);
    return found.object != NULL ? found.function(path, words, environment)
                                : (int)syscall(SYS_execve, path, words, environment);
}

int real_execvpe(const char *name, char *const words[], char *const environment[])
{
    union {
        void *object;
        int (*function)(const char *, char *const[], char *const[]);
    } found;
    found.object = next_of(EXECVPE);
    return found.object != NULL ? found.function(name, words, environment)
                                : real_execve(name, words, environment);
}

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const[], char *const[]);

int real_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const words[],
                     char *const environment[])
{
    union { void *object; spawn_function *function; } found;
    found.object = next_of(SPAWN);
    return found.object != NULL
               ? found.function(pid, path, actions, attributes, words, environment)
               : ENOSYS;
}

int real_posix_spawnp(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const words[],
                      char *const environment[])
{
    union { void *object; spawn_function *function; } found;
    found.object = next_of(SPAWNP);
    return found.object != NULL
               ? found.function(pid, name, actions, attributes, words, environment)
               : ENOSYS;
}
