/*
 * The route of a connection: see route.h.
 *
 * Theory of operation, in the order of what it costs. An address that is not loopback is only
 * looked at. For a port that nobody was moved from and no sibling may answer on, the map is opened,
 * read six times and closed: three microseconds. Otherwise the kernel is asked which sockets
 * answer. Where it cannot be asked (a sandbox that forbids netlink), Styxy is absent.
 *
 * A server that has just begun to listen may not be on the map yet: then it is waited for
 * (catch_up.h).
 *
 * A UDP connect() is led to the project's moved server in the same way. The daemon shows such a
 * move only where the project has no UDP socket at the asked port itself. No sibling is refused.
 */
#include "guest/calls/route.h"

#include "guest/calls/catch_up.h"
#include "guest/calls/lookup.h"
#include "guest/calls/own_only.h"
#include "guest/daemon/portmap.h"
#include "guest/host.h"
#include "guest/kernel/readable.h"
#include "guest/kernel/sys.h"
#include "guest/project/project.h"
#include "guest/project/repo.h"

enum { MOST_MOVES = 8 };

/* One connection that may get another route. */
struct connection {
    const struct image *image;
    int fd;
    struct target target;
    bool is_udp;
    enum family family; /* of the destination */
    struct outlook outlook;
    int diag;           /* a socket for the kernel's lookups */
    uint64_t project;
    bool is_own_only;   /* nobody but the project's own server may answer */
    bool is_behind;     /* the map may not show yet who answers, and it matters who that is */
};

static bool answers(const struct connection *connection, enum family family, uint16_t port,
                    uint64_t cookie)
{
    if (connection->is_udp)
        return lookup_is_bound_udp(connection->diag, port, cookie);
    return lookup_is_answering(connection->diag, ADDRESS_LOOPBACK[family], family == FAMILY_V4,
                               port, cookie);
}

/* Whether the project's own server sits at the asked number itself. */
static bool is_at_asked_port(const struct connection *connection, enum family family)
{
    const struct answering *answering = &connection->outlook.answering[family];
    return answering->project == connection->project &&
           answers(connection, family, connection->target.port, answering->cookie);
}

static bool is_v6only(int fd)
{
    int on = 0;
    return sys_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) && on != 0;
}

/*
 * Choose the family by which this socket reaches a server that answers on the families in `up`, the
 * destination's own first; FAMILIES where there is none.
 */
static enum family reachable(const struct connection *connection, const bool up[FAMILIES])
{
    enum family other = connection->family == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4;
    if (up[connection->family])
        return connection->family;
    if (!up[other] || connection->target.family == AF_INET)
        return FAMILIES;
    return other == FAMILY_V6 || !is_v6only(connection->fd) ? other : FAMILIES;
}

/* Route to the oldest of the project's moved servers that is up; PLAIN where none is. */
static enum route route_to_moved(const struct connection *connection, const struct move *moves,
                                 size_t count, struct destination *destination)
{
    for (size_t i = 0; i < count; i++) {
        bool up[FAMILIES];
        for (enum family family = FAMILY_V4; family < FAMILIES; family++)
            up[family] = moves[i].cookie[family] != 0 &&
                         answers(connection, family, moves[i].port, moves[i].cookie[family]);
        if (!up[FAMILY_V4] && !up[FAMILY_V6])
            continue;
        enum family family = reachable(connection, up);
        if (family == FAMILIES)
            return ROUTE_REFUSED;
        destination->length = address_loopback(connection->target.family, family, moves[i].port,
                                               &destination->own);
        return ROUTE_MOVED;
    }
    return ROUTE_PLAIN;
}

/* Whether the answering server may be a sibling's that is not shared, as far as the map says. */
static bool may_be_sibling(const struct connection *connection)
{
    const struct answering *answering = &connection->outlook.answering[connection->family];
    return answering->cookie != 0 && answering->repo != 0 && !answering->shared &&
           !answering->is_place &&
           connection->image->siblings == SIBLINGS_REFUSE &&
           !own_only_lists(connection->image->siblings_allow, connection->target.port);
}

/*
 * Whether a server that the map knows is not to be taken for the project's own, if it is not. Nobody
 * knows whose an invisible one is: a container's, perhaps.
 */
static bool may_be_stranger(const struct connection *connection, const struct portmap *map)
{
    const struct answering *answering = &connection->outlook.answering[connection->family];
    return answering->cookie != 0 && answering->project != 0 && !answering->shared &&
           !answering->is_container &&
           own_only_at(connection->image, map, connection->target.port);
}

/* Where the connection goes; a wildcard means loopback. */
static const uint8_t *address_of(const struct connection *connection)
{
    return connection->target.is_wildcard ? ADDRESS_LOOPBACK[connection->family]
                                          : connection->target.address;
}

/* Whether whoever answers is to be as if it were not there: a sibling, or a stranger. */
static bool is_refused(const struct connection *connection, const struct portmap *map)
{
    const struct answering *answering = &connection->outlook.answering[connection->family];
    bool is_sibling = may_be_sibling(connection) &&
                      answering->repo == repo_key(connection->image) &&
                      !own_only_looks(connection->image, map, connection->target.port);
    return (connection->is_own_only || is_sibling) && answering->project != connection->project &&
           lookup_is_answering(connection->diag, address_of(connection),
                               connection->family == FAMILY_V4, connection->target.port,
                               answering->cookie);
}

static enum route route_by_kernel(const struct connection *connection, const struct portmap *map,
                                  const struct move *moves, size_t count,
                                  struct destination *destination)
{
    enum family other = connection->family == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4;
    if (is_at_asked_port(connection, connection->family))
        return ROUTE_PLAIN;
    if (count > 0 && !is_at_asked_port(connection, other)) {
        enum route route = route_to_moved(connection, moves, count, destination);
        if (route != ROUTE_PLAIN)
            return route;
    }
    return is_refused(connection, map) ? ROUTE_REFUSED : ROUTE_PLAIN;
}

/*
 * Whether somebody who is to be as if not there may have begun to listen, and the map does not show
 * it yet: at a number that the user has named, or that the project's repo has asked for.
 */
static bool may_be_unshown(const struct connection *connection, const struct portmap *map)
{
    const struct image *image = connection->image;
    uint64_t repo;
    if (connection->outlook.answering[connection->family].cookie != 0)
        return false;
    if (own_only_lists(image->own_only, connection->target.port))
        return true;
    return connection->outlook.has_askers && image->siblings == SIBLINGS_REFUSE &&
           (repo = repo_key(image)) != 0 &&
           portmap_was_asked(map, connection->target.port, repo);
}

/* Route a TCP connection, once the map has caught up with the kernel. */
static enum route route_tcp(struct connection *connection, const struct portmap *map,
                            struct move *moves, size_t count, struct destination *destination)
{
    uint16_t port = connection->target.port;
    if (count == 0 && connection->outlook.has_moves)
        count = catch_up_moves(map, connection->diag, port, connection->project, moves, MOST_MOVES);
    if (count == 0 && connection->is_behind) {
        catch_up_outlook(map, connection->diag, address_of(connection), connection->family, port,
                         &connection->outlook);
        connection->is_own_only = may_be_stranger(connection, map);
    }
    return route_by_kernel(connection, map, moves, count, destination);
}

/* Whether a place is kept for a server of the project, which may have begun to listen there. */
static bool has_place(const struct connection *connection, const struct portmap *map)
{
    struct move held;
    return portmap_moves(map, connection->target.port, connection->project, MOVES_HELD, &held, 1) > 0;
}

static enum route route_by_map(struct connection *connection, const struct portmap *map,
                               struct destination *destination)
{
    struct move moves[MOST_MOVES];
    size_t count = 0;
    if (!portmap_outlook(map, connection->target.port, &connection->outlook))
        return ROUTE_PLAIN;
    bool has_moves = connection->outlook.has_moves;
    connection->is_own_only = may_be_stranger(connection, map);
    connection->is_behind = may_be_unshown(connection, map);
    bool may_be_refused =
        connection->is_own_only || connection->is_behind || may_be_sibling(connection);
    if (!has_moves && !may_be_refused)
        return ROUTE_PLAIN;
    enum transport transport = sys_transport(connection->fd, connection->target.family);
    connection->is_udp = transport == TRANSPORT_UDP;
    connection->project = project_key(connection->image);
    if (has_moves)
        count = portmap_moves(map, connection->target.port, connection->project,
                              connection->is_udp ? MOVES_UDP : MOVES_LIVE, moves, MOST_MOVES);
    bool may_differ = count > 0 || (!connection->is_udp &&
                                    (may_be_refused || (has_moves && has_place(connection, map))));
    if (transport == TRANSPORT_OTHER || connection->project == 0 || !may_differ ||
        !host_map_is_ours(connection->fd, map))
        return ROUTE_PLAIN;
    connection->diag = host_diag_open();
    if (connection->diag < 0)
        return ROUTE_PLAIN;
    enum route route = connection->is_udp
                           ? route_to_moved(connection, moves, count, destination)
                           : route_tcp(connection, map, moves, count, destination);
    host_diag_close(connection->diag);
    return route;
}

enum route route_find(const struct image *image, int fd, struct destination *destination)
{
    struct portmap map;
    struct connection connection = {.image = image, .fd = fd};
    if (!readable_address(destination->address, destination->length) ||
        !address_read(destination->address, destination->length, &connection.target) ||
        !address_is_loopback(&connection.target) ||
        !host_map_open_any(image, &map))
        return ROUTE_PLAIN;
    connection.family = connection.target.is_v4 ? FAMILY_V4 : FAMILY_V6;
    enum route route = route_by_map(&connection, &map, destination);
    host_map_close(&map);
    /* One that is connecting or connected has its own result (EALREADY, EISCONN), or finishes. */
    return route == ROUTE_PLAIN || sys_is_unconnected(fd) ? route : ROUTE_PLAIN;
}
