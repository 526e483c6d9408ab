/*
 * Where the port map is, and whether it is one that this program may believe.
 *
 * Only the path is kept, as long as it leads to a daemon: to find it in daemon.json costs as much
 * as to read the map.
 */
#ifndef STYXY_MAPFILE_H
#define STYXY_MAPFILE_H

#include "guest/image.h"
#include "guest/daemon/portmap.h"

/* ---- for who reads it: mapopen.c in a guest, supervisor/mapopen.c ---- */

/*
 * Open the map of a running daemon; false = behave as if Styxy were absent. `socket` tells the
 * network namespace. The caller closes the map within the same call of the host.
 */
bool mapfile_open(const struct image *image, int socket, struct portmap *map);

/*
 * Open what the last daemon left, too: its moves count as long as their servers listen. Whether it
 * may be believed is not looked at: nearly every look finds nothing, and is done with it.
 */
bool mapfile_open_any(const struct image *image, struct portmap *map);

/* Whether a map is whole, this user's and of this network. */
bool mapfile_is_ours(int socket, const struct portmap *map);

void mapfile_close(const struct portmap *map);

/* Look for the map in daemon.json again: nobody answered where this one said. */
void mapfile_forget(void);

/* ---- for who opens it ---- */

/* Find and open the map of a running daemon, or what the last one left, too. */
bool mapfile_find(const struct image *image, struct portmap *map);
bool mapfile_find_any(const struct image *image, struct portmap *map);

/* Whether it is a file of this user's, and as long as it must be. */
bool mapfile_is_whole(const struct portmap *map);
bool mapfile_is_of_network(int socket, const struct portmap *map);

void mapfile_forget_path(void);

#endif
