/*
 * The port map and the sock_diag socket, as the preload library has them (host.h): opened for one
 * call and closed before it returns, because descriptors are the program's, and because a map that
 * is kept open shows the file of a daemon that has ended.
 */
#include "guest/daemon/mapfile.h"
#include "guest/host.h"
#include "guest/kernel/diag.h"
#include "guest/kernel/sys.h"

bool host_map_open(const struct image *image, int socket, struct portmap *map)
{
    if (!mapfile_find(image, map))
        return false;
    if (host_map_is_ours(socket, map))
        return true;
    host_map_close(map);
    return false;
}

bool host_map_open_any(const struct image *image, struct portmap *map)
{
    return mapfile_find_any(image, map);
}

bool host_map_is_ours(int socket, const struct portmap *map)
{
    return mapfile_is_whole(map) && mapfile_is_of_network(socket, map);
}

void host_map_close(const struct portmap *map)
{
    sys_close(map->fd);
}

void host_map_forget(void)
{
    mapfile_forget_path();
}

int host_diag_open(void)
{
    return diag_socket();
}

void host_diag_close(int diag)
{
    sys_close(diag);
}
