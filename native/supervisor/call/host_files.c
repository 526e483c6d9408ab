/*
 * The map as the supervisor opens it: it stays open for a moment, which is as long as a daemon that
 * has ended, or one with another file, may go unseen. The next program may be of another home.
 */
#include "supervisor/call/host_files.h"

#include "guest/daemon/mapfile.h"
#include "supervisor/linux.h"

#include <string.h>

static const uint64_t A_MOMENT = 200 * 1000 * 1000; /* nanoseconds */

static struct {
    bool is_open, is_whole;
    uint64_t until, number;
    char home[IMAGE_PATH], socket[IMAGE_PATH]; /* what names the daemon */
    struct portmap map;
} kept;

static void drop(void)
{
    if (kept.is_open)
        sys_close(kept.map.fd);
    kept.is_open = false;
    kept.until = 0;
}

static bool is_kept_for(const struct image *image, uint64_t now)
{
    return now < kept.until && strcmp(kept.home, image->home) == 0 &&
           strcmp(kept.socket, image->socket) == 0;
}

static void look(const struct image *image, uint64_t now)
{
    drop();
    if (strlen(image->home) >= sizeof kept.home || strlen(image->socket) >= sizeof kept.socket)
        return;
    kept.is_open = mapfile_find_any(image, &kept.map);
    kept.is_whole = kept.is_open && mapfile_is_whole(&kept.map);
    strcpy(kept.home, image->home);
    strcpy(kept.socket, image->socket);
    kept.until = now + A_MOMENT;
    kept.number++;
}

uint64_t mapopen_number(void)
{
    return kept.number;
}

bool mapfile_open_any(const struct image *image, struct portmap *map)
{
    uint64_t now = sys_now();
    if (!is_kept_for(image, now))
        look(image, now);
    if (kept.is_open)
        *map = kept.map;
    return kept.is_open;
}

bool mapfile_open(const struct image *image, int socket, struct portmap *map)
{
    /* That there is no daemon is not kept: a bind that meets it may be the first since its start. */
    if (!kept.is_open || kept.map.retired)
        drop();
    return mapfile_open_any(image, map) && !map->retired && mapfile_is_ours(socket, map);
}

bool mapfile_is_ours(int socket, const struct portmap *map)
{
    return kept.is_whole && mapfile_is_of_network(socket, map);
}

void mapfile_close(const struct portmap *map)
{
    (void)map; /* the next call comes soon */
}

void mapfile_forget(void)
{
    mapfile_forget_path();
    drop();
}
