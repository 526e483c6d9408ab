/*
 * The map as a guest opens it: for one call of the host, for descriptors are the host's, and a map
 * that is kept shows a dead daemon's file.
 */
#include "guest/daemon/mapfile.h"
#include "guest/kernel/sys.h"

bool mapfile_open(const struct image *image, int socket, struct portmap *map)
{
    if (!mapfile_find(image, map))
        return false;
    if (mapfile_is_ours(socket, map))
        return true;
    mapfile_close(map);
    return false;
}

bool mapfile_open_any(const struct image *image, struct portmap *map)
{
    return mapfile_find_any(image, map);
}

bool mapfile_is_ours(int socket, const struct portmap *map)
{
    return mapfile_is_whole(map) && mapfile_is_of_network(socket, map);
}

void mapfile_close(const struct portmap *map)
{
    sys_close(map->fd);
}

void mapfile_forget(void)
{
    mapfile_forget_path();
}
