/*
 * What the map said of a port: see outlook_cache.h.
 *
 * An entry holds as long as the map's generation is the same; reading that costs a quarter of
 * reading the port again. The network namespace is not checked: what is let through here would be
 * let through in another one, too.
 */
#include "supervisor/call/outlook_cache.h"

#include "guest/calls/own_only.h"
#include "guest/daemon/portmap.h"
#include "guest/host.h"
#include "guest/project/project.h"
#include "supervisor/call/host_files.h"

enum { PORTS = 64 };

struct entry {
    uint64_t opening, generation;
    uint16_t port; /* 0 = empty */
    struct outlook outlook;
};

static struct entry entries[PORTS]; /* a newer port takes the place of an older one */

/* Read a port, and keep it if nobody wrote meanwhile; false where it could not be read whole. */
static bool fill(const struct portmap *map, uint16_t port, struct entry *place)
{
    uint64_t before, after;
    place->port = 0;
    bool is_even = portmap_generation(map, &before);
    if (!portmap_outlook(map, port, &place->outlook))
        return false;
    if (is_even && portmap_generation(map, &after) && before == after) {
        place->port = port;
        place->opening = host_map_opening();
        place->generation = before;
    }
    return true;
}

/* What the map says of a port; NULL where it cannot be read. */
static const struct outlook *outlook_of(const struct portmap *map, uint16_t port)
{
    struct entry *place = &entries[port % PORTS];
    uint64_t generation;
    bool holds = place->port == port && place->opening == host_map_opening() &&
                 portmap_generation(map, &generation) && generation == place->generation;
    return holds || fill(map, port, place) ? &place->outlook : NULL;
}

static bool is_plain(const struct image *image, const struct portmap *map,
                     const struct target *target)
{
    const struct outlook *outlook = outlook_of(map, target->port);
    if (outlook == NULL || outlook->has_moves)
        return false;
    const struct answering *answering =
        &outlook->answering[target->is_v4 ? FAMILY_V4 : FAMILY_V6];
    if (answering->cookie == 0)
        return !outlook->has_askers && !own_only_lists(image->own_only, target->port);
    if (answering->project == 0 || answering->shared ||
        answering->project == project_key(image))
        return true;
    bool may_be_sibling = answering->repo != 0 && !answering->is_place;
    return !may_be_sibling &&
           (answering->is_container || !own_only_at(image, map, target->port));
}

bool outlook_cache_is_plain(const struct traced_image *traced, const struct target *target)
{
    const struct image *image = &traced->image;
    struct portmap map;
    if (!image->is_virtual_localhost || !host_map_open_any(image, &map))
        return true; /* there is no daemon, and there was none */
    bool plain = is_plain(image, &map, target);
    host_map_close(&map);
    return plain;
}
