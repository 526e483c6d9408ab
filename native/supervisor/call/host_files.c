/*
 * The port map and the sock_diag socket, as the supervisor has them (host.h). Both stay open,
 * because opening and closing them costs more than reading.
 *
 * The map is kept for a moment only, which is how long a daemon that has ended, or one with another
 * file, may go unnoticed. The next program may have another home.
 */
#include "supervisor/call/host_files.h"

#include "guest/daemon/mapfile.h"
#include "guest/host.h"
#include "guest/kernel/diag.h"
#include "guest/kernel/sys.h"

#include <string.h>

static const uint64_t A_MOMENT = 200 * 1000 * 1000; /* nanoseconds */

static struct {
    bool is_open, is_whole;
    uint64_t until, opening;
    char home[IMAGE_PATH], socket[IMAGE_PATH]; /* what names the daemon */
    struct portmap map;
} kept;

static int kept_diag = -1;

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

static void open_for(const struct image *image, uint64_t now)
{
    drop();
    if (strlen(image->home) >= sizeof kept.home || strlen(image->socket) >= sizeof kept.socket)
        return;
    kept.is_open = mapfile_find_any(image, &kept.map);
    kept.is_whole = kept.is_open && mapfile_is_whole(&kept.map);
    strcpy(kept.home, image->home);
    strcpy(kept.socket, image->socket);
    kept.until = now + A_MOMENT;
    kept.opening++;
}

uint64_t host_map_opening(void)
{
    return kept.opening;
}

bool host_map_open_any(const struct image *image, struct portmap *map)
{
    uint64_t now = sys_now();
    if (!is_kept_for(image, now))
        open_for(image, now);
    if (kept.is_open)
        *map = kept.map;
    return kept.is_open;
}

bool host_map_open(const struct image *image, int socket, struct portmap *map)
{
    /* That there is no daemon is not kept: this bind may be the first since it has started. */
    if (!kept.is_open || kept.map.retired)
        drop();
    return host_map_open_any(image, map) && !map->retired && host_map_is_ours(socket, map);
}

bool host_map_is_ours(int socket, const struct portmap *map)
{
    return kept.is_whole && mapfile_is_of_network(socket, map);
}

void host_map_close(const struct portmap *map)
{
    (void)map; /* the next call comes soon */
}

void host_map_forget(void)
{
    mapfile_forget_path();
    drop();
}

int host_diag_open(void)
{
    unsigned char rest[4096];
    if (kept_diag < 0)
        kept_diag = diag_socket();
    /* Throw away what a search that broke off has left. */
    while (kept_diag >= 0 && sys_receive(kept_diag, rest, sizeof rest) > 0)
        continue;
    return kept_diag;
}

void host_diag_close(int diag)
{
    (void)diag; /* the next question comes soon */
}
