/*
 * A look at the map: see glance.h.
 *
 * The guest library opens the map at each call; here it stays open for a moment, which is as long
 * as a daemon that has ended, or one with another file, may go unseen. Another network namespace is
 * not looked for: what this lets through is let through there, too.
 */
#include "glance.h"

#include "../mapfile.h"
#include "../project.h"
#include "kernel.h"

#include <string.h>

static const uint64_t A_MOMENT = 200 * 1000 * 1000; /* nanoseconds */

static struct {
    bool is_open;
    uint64_t until;
    char home[IMAGE_PATH], socket[IMAGE_PATH]; /* what names the daemon */
    struct portmap map;
} kept;

static bool is_of(const struct image *image)
{
    return strcmp(kept.home, image->home) == 0 && strcmp(kept.socket, image->socket) == 0;
}

static bool keep_map_of(const struct image *image)
{
    uint64_t now = sys_now();
    if (now < kept.until && is_of(image))
        return kept.is_open;
    if (kept.is_open)
        mapfile_close(&kept.map);
    kept.is_open = false;
    kept.until = 0;
    if (strlen(image->home) >= sizeof kept.home || strlen(image->socket) >= sizeof kept.socket)
        return false;
    kept.is_open = mapfile_open_any(image, &kept.map);
    strcpy(kept.home, image->home);
    strcpy(kept.socket, image->socket);
    kept.until = now + A_MOMENT;
    return kept.is_open;
}

bool glance_is_plain(const struct subject *subject, const struct target *target)
{
    const struct image *image = &subject->image;
    struct outlook outlook;
    if (!image->is_virtual_localhost)
        return true;
    if (!keep_map_of(image))
        return true; /* no daemon, and none was there */
    if (!portmap_outlook(&kept.map, target->port, &outlook) || outlook.has_moves)
        return false;
    const struct answering *answering = &outlook.answering[target->is_v4 ? FAMILY_V4 : FAMILY_V6];
    return answering->cookie == 0 || answering->repo == 0 || answering->shared ||
           answering->project == project_key(image);
}
