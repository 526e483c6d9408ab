/*
 * THE SEAM: what the guest's code asks of whoever runs it, and all that it asks.
 *
 * Two hosts run it. The preload library (preload/) works inside one program, on the program's own
 * descriptors and for one call at a time. The seccomp supervisor (supervisor/) works beside a whole
 * tree of programs, for whichever of them called last, on duplicates of their sockets. Each
 * function below is defined once in each of the two; nothing in guest/ knows which one it is linked
 * with.
 *
 * Nothing here may wait for long, end the process or print, and nothing allocates on behalf of the
 * program. A failure of any of these makes Styxy absent: the call has its first real result.
 */
#ifndef STYXY_HOST_H
#define STYXY_HOST_H

#include "guest/intercepted.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct image;
struct portmap;

/* ---- the program that calls (image.h) ---- */

/*
 * The image of the program that calls; NULL where Styxy must stay out of it: switched off, setuid,
 * or not started yet. It stays valid and unchanged for the rest of the call.
 *
 * preload: read once, by the library's constructor. supervisor: the image of the last caller.
 */
const struct image *host_image(void);

/*
 * Whether descriptor 1 or 2, here and now, is the program's stream, and a line may be written to
 * it.
 *
 * preload: the descriptor is still what it was when the program started. supervisor: the program's
 * stream can take a line without harm; it is then borrowed as descriptor 1 or 2 until the call
 * ends.
 */
bool host_has_stream(const struct image *image, int fd);

/*
 * Open once more what that descriptor was when the program started; -1 where that is not to be had. Whoever opens it closes it.
 *
 * preload: a daemon that has just started may have put something else there; its terminal or the
 * stream of who started it is found, or else the pipe by which it reads what its workers say, and
 * that one may wait. supervisor: never.
 */
int host_open_stream(const struct image *image, int fd);

/* ---- the daemon's port map (daemon/mapfile.h) ---- */

/*
 * Open the map of a running daemon; false = behave as if Styxy were absent. `socket` is one of the
 * program's sockets, by which its network namespace is known. Whoever opens a map closes it within
 * the same call.
 *
 * preload: opened for one call, because descriptors are the program's. supervisor: kept open for a
 * moment.
 */
bool host_map_open(const struct image *image, int socket, struct portmap *map);

/*
 * Open what the last daemon left behind, too: its moves count as long as their servers listen.
 * Whether the map may be believed is not checked here, since nearly every reading finds nothing and
 * is done with it: ask host_map_is_ours before acting on it.
 */
bool host_map_open_any(const struct image *image, struct portmap *map);

/* Whether an open map is whole, this user's, and of the socket's network namespace. */
bool host_map_is_ours(int socket, const struct portmap *map);

void host_map_close(const struct portmap *map);

/* Nobody answered where the map said: look for it in daemon.json again, the next time. */
void host_map_forget(void);

/* ---- the kernel's list of sockets (kernel/diag.h) ---- */

/*
 * A socket for sock_diag(7) with nothing left to read in it; -1 where there is none (a sandbox, a
 * full descriptor table). Whoever opens one closes it within the same call.
 *
 * preload: a new socket for each call. supervisor: one that stays open.
 */
int host_diag_open(void);
void host_diag_close(int diag);

/* ---- the program's other sockets ---- */

/*
 * The descriptor that the program itself has for the socket of this call.
 *
 * preload: the same. supervisor: we have a duplicate.
 */
int host_socket_number(int fd);

/*
 * Borrow what the process that calls has under a number: a descriptor of ours, -1 where there is
 * none. Whoever opens one closes it within the same call.
 */
int host_socket_open(int number);
void host_socket_close(int fd);

/*
 * Put a fresh socket under a number of the process that calls, with the flags of the descriptor and
 * watched by the same epoll instances; false = nothing has changed. It is still to be closed.
 */
bool host_socket_replace(int number, int fresh);

/* ---- the real calls ---- */

/*
 * real_NAME for each call that both hosts intercept (intercepted.h): what the kernel does for the
 * program. Result and errno are those of the system call; the arguments are the program's own, or a
 * copy of its address with another port or host in it.
 *
 * preload: libc's function behind ours, or that of the next preload library. supervisor: the system
 * call, on a duplicate of the program's socket. A connection to the address that the program asked
 * for is left for the kernel to make when the guest has returned; the result has no meaning then.
 */
#define DECLARE_REAL(name, number, notify, address, result, parameters, arguments)                 \
    result real_##name parameters;
INTERCEPTED_CALLS(DECLARE_REAL, NOTHING_OF, NOTHING_OF)
#undef DECLARE_REAL

#endif
