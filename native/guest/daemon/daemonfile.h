/*
 * Where the daemon's port map is, out of daemon.json.
 *
 * No JSON reader lives in a guest: this one finds one string of the outermost object, in a text of
 * bounded size, and gives up at the first backslash anywhere, so that no escape is ever decoded.
 */
#ifndef STYXY_DAEMONFILE_H
#define STYXY_DAEMONFILE_H

#include <stdbool.h>
#include <stddef.h>

/* Copy the value of "map", an absolute path, with its NUL; false where there is none. */
bool daemonfile_map(const char *json, size_t length, char *path, size_t room);

#endif
