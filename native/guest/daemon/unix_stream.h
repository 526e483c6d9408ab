/*
 * A connection to one of the daemon's sockets (unix(7)), each step of it until a deadline.
 *
 * A deadline is a time of sys_now. Nothing here blocks in a system call but poll, which is told
 * how long it may.
 */
#ifndef STYXY_UNIX_STREAM_H
#define STYXY_UNIX_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Make a socket that never blocks; -1 where there is none. */
int unix_stream_socket(void);

/*
 * Wait for an event, or with the descriptor -1 just for a time; false when the deadline has passed.
 * True may mean a signal, so the caller tries again and may come back.
 */
bool unix_stream_wait(int fd, short events, uint64_t deadline);

/* Connect to the socket at `path`; false leaves errno as connect(2) or the length of the path made it. */
bool unix_stream_connect(int fd, const char *path, uint64_t deadline);

/* Send all of it; false where the peer has gone or the deadline has passed. */
bool unix_stream_send(int fd, const char *bytes, size_t length, uint64_t deadline);

#endif
