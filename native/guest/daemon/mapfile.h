/*
 * Where the port map is, and whether it is one that this program may believe. host.h has the
 * functions by which the guest opens it; what they are made of is here.
 *
 * Only the path is kept, as long as it leads to a daemon: finding it in daemon.json costs as much
 * as reading the map.
 */
#ifndef STYXY_MAPFILE_H
#define STYXY_MAPFILE_H

#include "guest/daemon/portmap.h"
#include "guest/image.h"

/* Find and open the map of a running daemon, or that of the last one, too. */
bool mapfile_find(const struct image *image, struct portmap *map);
bool mapfile_find_any(const struct image *image, struct portmap *map);

/* Whether it is a regular file of this user's, and as long as it must be. */
bool mapfile_is_whole(const struct portmap *map);

/* Whether the daemon is in the network namespace of one of the program's sockets. */
bool mapfile_is_of_network(int socket, const struct portmap *map);

/* Read daemon.json again the next time. */
void mapfile_forget_path(void);

#endif
