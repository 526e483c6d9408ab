/*
 * Where the daemon's HTTP socket is, as the command line finds it: STYXY_SOCKET, else "socket" in
 * the daemon.json of STYXY_HOME or ~/.styxy, and nowhere else.
 */
#ifndef STYXY_HOOK_DAEMON_SOCKET_H
#define STYXY_HOOK_DAEMON_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

enum { DAEMON_SOCKET_PATH = 4096 }; /* PATH_MAX; connect takes 107 bytes of it (unix(7)) */

/* Copy the path with its NUL; false where none is named: then no daemon runs. */
bool daemon_socket(char *path, size_t room);

#endif
