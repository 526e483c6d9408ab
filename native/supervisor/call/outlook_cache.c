/*
 * A look at the map: see glance.h.
 *
 * What was seen of a port holds as long as the map's generation is the same, and to read that costs
 * a quarter of looking again. Another network namespace is not looked for: what this lets through is
 * let through there, too.
 */
#include "supervisor/call/outlook_cache.h"

#include "guest/daemon/mapfile.h"
#include "guest/project/project.h"
#include "supervisor/call/host_files.h"

enum { PORTS = 64 };

struct seen {
    uint64_t opening, generation;
    uint16_t port; /* 0 = nothing was seen */
    struct outlook outlook;
};

static struct seen seen[PORTS]; /* the newer takes the place */

/* Look again, and keep it if nobody wrote meanwhile; false where there was no consistent look. */
static bool look_again(const struct portmap *map, uint16_t port, struct seen *place)
{
    uint64_t before, after;
    place->port = 0;
    bool is_calm = portmap_generation(map, &before);
    if (!portmap_outlook(map, port, &place->outlook))
        return false;
    if (is_calm && portmap_generation(map, &after) && before == after) {
        place->port = port;
        place->opening = mapopen_number();
        place->generation = before;
    }
    return true;
}

/* What the map says of a port; NULL where it cannot be told. */
static const struct outlook *outlook_of(const struct portmap *map, uint16_t port)
{
    struct seen *place = &seen[port % PORTS];
    uint64_t generation;
    bool holds = place->port == port && place->opening == mapopen_number() &&
                 portmap_generation(map, &generation) && generation == place->generation;
    return holds || look_again(map, port, place) ? &place->outlook : NULL;
}

bool glance_is_plain(const struct subject *subject, const struct target *target)
{
    const struct image *image = &subject->image;
    struct portmap map;
    if (!image->is_virtual_localhost || !mapfile_open_any(image, &map))
        return true; /* no daemon, and none was there */
    const struct outlook *outlook = outlook_of(&map, target->port);
    mapfile_close(&map);
    if (outlook == NULL || outlook->has_moves)
        return false;
    const struct answering *answering =
        &outlook->answering[target->is_v4 ? FAMILY_V4 : FAMILY_V6];
    return answering->cookie == 0 || answering->repo == 0 || answering->shared ||
           answering->project == project_key(image);
}
