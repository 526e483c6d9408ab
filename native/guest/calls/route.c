/*
 * Where a connection goes: see route.h.
 *
 * Theory of operation, in the order of what it costs. An address that is not loopback: nothing but a
 * look at it. A port that nobody was moved from and no sibling may answer on: the map is opened, read
 * six times and closed, three microseconds. Else the kernel is asked which sockets answer. Where it cannot be asked (a
 * sandbox that forbids netlink), Styxy is absent.
 */
#include "guest/calls/route.h"

#include "guest/calls/lookup.h"
#include "guest/daemon/mapfile.h"
#include "guest/project/project.h"
#include "guest/project/repo.h"
#include "guest/kernel/sys.h"

#include <linux/tcp.h>

enum { MOST_MOVES = 8, STATE_CLOSE = 7 /* net/tcp_states.h */ };

/* One connection that may be ours to lead. */
struct course {
    const struct image *image;
    int fd;
    struct target target;
    enum family family; /* of the destination */
    struct outlook outlook;
    int door;           /* to the kernel's lookups */
    uint64_t project;
};

static bool answers(const struct course *course, enum family family, uint16_t port, uint64_t cookie)
{
    return lookup_is_answering(course->door, POLICY_LOOPBACK[family], family == FAMILY_V4, port,
                               cookie);
}

/* Whether the project's own server sits at the asked number itself. */
static bool is_at_home(const struct course *course, enum family family)
{
    const struct answering *answering = &course->outlook.answering[family];
    return answering->project == course->project &&
           answers(course, family, course->target.port, answering->cookie);
}

static bool is_v6only(int fd)
{
    int on = 0;
    return sys_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) && on != 0;
}

/* Choose the family on which a server that answers as `up` says is reached by this socket, the
   destination's own first; FAMILIES where there is none. */
static enum family reachable(const struct course *course, const bool up[FAMILIES])
{
    enum family other = course->family == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4;
    if (up[course->family])
        return course->family;
    if (!up[other] || course->target.family == AF_INET)
        return FAMILIES;
    return other == FAMILY_V6 || !is_v6only(course->fd) ? other : FAMILIES;
}

/* Lead to the oldest of the project's moved servers that lives; PLAIN where none does. */
static enum route route_to_moved(const struct course *course, const struct move *moves,
                                 size_t count, struct destination *destination)
{
    for (size_t i = 0; i < count; i++) {
        bool up[FAMILIES];
        for (enum family family = FAMILY_V4; family < FAMILIES; family++)
            up[family] = moves[i].cookie[family] != 0 &&
                         answers(course, family, moves[i].port, moves[i].cookie[family]);
        if (!up[FAMILY_V4] && !up[FAMILY_V6])
            continue;
        enum family family = reachable(course, up);
        if (family == FAMILIES)
            return ROUTE_REFUSED;
        destination->length = policy_loopback(course->target.family, family, moves[i].port,
                                              &destination->own);
        return ROUTE_MOVED;
    }
    return ROUTE_PLAIN;
}

/* Whether what the map says of the answering server makes it a sibling's that is not shared. */
static bool may_be_sibling(const struct course *course)
{
    const struct answering *answering = &course->outlook.answering[course->family];
    return answering->cookie != 0 && answering->repo != 0 && !answering->shared &&
           course->image->siblings == SIBLINGS_REFUSE &&
           !policy_lists(course->image->siblings_allow, course->target.port);
}

static bool is_sibling(const struct course *course)
{
    const struct answering *answering = &course->outlook.answering[course->family];
    const uint8_t *address = course->target.is_wildcard ? POLICY_LOOPBACK[course->family]
                                                        : course->target.address;
    return may_be_sibling(course) && answering->project != course->project &&
           answering->repo == repo_key(course->image) &&
           lookup_is_answering(course->door, address, course->family == FAMILY_V4,
                               course->target.port, answering->cookie);
}

static enum route route_by_kernel(const struct course *course, const struct move *moves,
                                  size_t count, struct destination *destination)
{
    enum family other = course->family == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4;
    if (is_at_home(course, course->family))
        return ROUTE_PLAIN;
    if (count > 0 && !is_at_home(course, other)) {
        enum route route = route_to_moved(course, moves, count, destination);
        if (route != ROUTE_PLAIN)
            return route;
    }
    return is_sibling(course) ? ROUTE_REFUSED : ROUTE_PLAIN;
}

static enum route route_by_map(struct course *course, const struct portmap *map,
                               struct destination *destination)
{
    struct move moves[MOST_MOVES];
    size_t count = 0;
    if (!portmap_outlook(map, course->target.port, &course->outlook) ||
        (!course->outlook.has_moves && !may_be_sibling(course)))
        return ROUTE_PLAIN;
    course->project = project_key(course->image);
    if (course->outlook.has_moves)
        count = portmap_moves(map, course->target.port, course->project, MOVES_LIVE, moves,
                              MOST_MOVES);
    if (course->project == 0 || (count == 0 && !may_be_sibling(course)) ||
        sys_transport(course->fd, course->target.family) != TRANSPORT_TCP ||
        !mapfile_is_ours(course->fd, map))
        return ROUTE_PLAIN;
    course->door = door_open();
    if (course->door < 0)
        return ROUTE_PLAIN;
    enum route route = route_by_kernel(course, moves, count, destination);
    door_close(course->door);
    return route;
}

/* A socket that connects or is connected says so itself (EALREADY, EISCONN), or finishes. */
static bool is_unconnected(int fd)
{
    unsigned char state = STATE_CLOSE; /* the first field of struct tcp_info */
    return !sys_option(fd, IPPROTO_TCP, TCP_INFO, &state, sizeof state) || state == STATE_CLOSE;
}

enum route route_find(const struct image *image, int fd, struct destination *destination)
{
    struct portmap map;
    struct course course = {.image = image, .fd = fd};
    if (!sys_readable_address(destination->address, destination->length) ||
        !policy_read(destination->address, destination->length, &course.target) ||
        !policy_is_loopback(&course.target) ||
        !mapfile_open_any(image, &map))
        return ROUTE_PLAIN;
    course.family = course.target.is_v4 ? FAMILY_V4 : FAMILY_V6;
    enum route route = route_by_map(&course, &map, destination);
    mapfile_close(&map);
    return route == ROUTE_PLAIN || is_unconnected(fd) ? route : ROUTE_PLAIN;
}
