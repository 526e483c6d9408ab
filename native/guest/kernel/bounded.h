/*
 * Looks at a disk that may never be answered: a mount whose server is dead (sshfs, NFS) holds whoever
 * looks in the kernel, often where no signal reaches it. So another process looks, and is left
 * behind if it is late: it is a child that no wait(2) of the program sees, holds no descriptor of
 * it, and ends when the mount answers; who is late stays a zombie until the program ends.
 *
 * That costs as much as a fork, so only for paths that depend on a server, as the kernel's table of
 * mounts shows without asking any (proc_pid_mountinfo(5)).
 */
#ifndef STYXY_BOUNDED_H
#define STYXY_BOUNDED_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a mount on the way to a path depends on a server; for a relative path, whether any does.
 * The root does not count.
 */
bool bounded_is_needed(const char *path);

/* Memory for a look, full of zeroes, that the process that makes it shares; NULL if there is none. */
void *bounded_room(size_t length);
void bounded_room_free(void *room, size_t length);

/*
 * Have another process call `look` with a room of `bounded_room`, and wait for it, 100 ms at most.
 * Return whether it is done. `look` may make system calls and use the room, and nothing else.
 */
bool bounded_look(void (*look)(void *room), void *room);

#endif
