/*
 * Where only the project's own server may answer: to a program that starts the server that it waits
 * for, whatever answers before is a stranger's, of whichever repo. The user names such ports
 * (STYXY_OWN_ONLY), or the program is a tool that the map lists (styxy.core.commands.connect_first).
 */
#ifndef STYXY_OWN_ONLY_H
#define STYXY_OWN_ONLY_H

#include "guest/daemon/portmap.h"
#include "guest/image.h"

/*
 * Whether only the project's own server may answer this program at a port: the user says so, or it
 * is such a tool, and its command line has the number, or the project's repo has asked for it
 * before. To be called only where somebody else answers: the first time it reads the program's
 * command line, in 20 microseconds, and remembers what it is.
 */
bool own_only_at(const struct image *image, const struct portmap *map, uint16_t port);

/*
 * Whether the program looks, by connecting, whether the port of its own server is free (the map
 * lists such tools, too): to it a sibling's server is there, or it would take the port for free. It
 * looks before it listens; what it connects to later, for the pages that it serves, is no look.
 */
bool own_only_looks(const struct image *image, const struct portmap *map, uint16_t port);

/* Remember that the program has a server now. */
void own_only_listens(void);

/* Whether a list like "8000, 8001" has a port; anything but numbers is skipped. */
bool own_only_lists(const char *list, uint16_t port);

#endif
