/*
 * Where the daemon's port map and its HTTP socket are, from daemon.json.
 *
 * A JSON parser does not belong in somebody else's program: this one finds one string of the
 * outermost object, in a text of bounded size, and gives up at any backslash, so that no escape is
 * decoded.
 */
#ifndef STYXY_DAEMONFILE_H
#define STYXY_DAEMONFILE_H

#include <stdbool.h>
#include <stddef.h>

/* Copy the value of "map", an absolute path, with its NUL; false where there is none. */
bool daemonfile_map(const char *json, size_t length, char *path, size_t room);

/* Copy the value of "socket" in the same way. */
bool daemonfile_socket(const char *json, size_t length, char *path, size_t room);

#endif
