/*
 * getsockname: the truth, except for Node's cluster (see cluster.h).
 *
 * The primary sends the moved listener to its workers; both must read the port that was asked for.
 * The primary knows its moves; a worker reads them in the map, where the lease has the asked port.
 * Accepted connections have the listener's port, too, and their true port is shown.
 *
 * A program that reads the port of a socket that was moved may compare it with the one that it
 * wanted. The daemon is told once, so that it can learn who does (report_listen.h).
 */
#include "guest/calls/report_listen.h"
#include "guest/daemon/mapfile.h"
#include "guest/host.h"
#include "guest/kernel/address.h"
#include "guest/kernel/readable.h"
#include "guest/kernel/sys.h"
#include "guest/project/project.h"
#include "guest/state/memory.h"
#include "preload/cluster.h"
#include "preload/real.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static bool is_connected(int fd)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    return sys_call(SYS_getpeername, fd, &peer, &length) == 0;
}

/* The port that was asked for where this project has a lease on `port`; 0 where it is no move. */
static uint16_t asked_in_map(const struct image *image, int fd, uint16_t port)
{
    struct portmap map;
    struct promise promise;
    if (!host_map_open(image, fd, &map))
        return 0;
    bool is_ours = portmap_promise(&map, port, &promise) && promise.asked != 0 &&
                   project_is_owner(image, promise.owner);
    host_map_close(&map);
    return is_ours ? promise.asked : 0;
}

/* The port to show in place of the true one; 0 = the true one. */
static uint16_t port_to_show(const struct image *image, int fd, uint16_t port)
{
    uint16_t asked = memory_asked_for(port, false);
    if (is_connected(fd))
        return 0;
    if (!image->is_cluster_worker)
        return asked != 0 && cluster_is_primary() ? asked : 0;
    /* What the worker itself has bound and was moved from did not come from its primary. */
    return asked == 0 ? asked_in_map(image, fd, port) : 0;
}

/* Tell the daemon that the program knows where it was moved. */
static void report_moved(const struct image *image, int fd, uint16_t port)
{
    uint16_t asked = memory_asked_for(port, false);
    if (asked != 0 && !is_connected(fd))
        report_name(image, fd, asked, port);
}

static void show_asked_port(const struct image *image, int fd, struct sockaddr *address,
                            socklen_t room)
{
    struct target target;
    struct sockaddr_storage truth;
    socklen_t length = sizeof truth;
    size_t port_end = offsetof(struct sockaddr_in, sin_port) + sizeof(uint16_t);
    if (room < port_end || sys_int_option(fd, SO_TYPE) != SOCK_STREAM)
        return;
    if (real_getsockname(fd, (struct sockaddr *)&truth, &length) != 0 ||
        !address_read(&truth, length, &target))
        return;
    uint16_t port = port_to_show(image, fd, target.port);
    if (port == 0) {
        report_moved(image, fd, target.port);
        return;
    }
    uint16_t in_network_order = htons(port);
    memcpy((char *)address + offsetof(struct sockaddr_in, sin_port), &in_network_order, 2);
}

int INTERCEPTED(getsockname)(int fd, struct sockaddr *restrict address,
                             socklen_t *restrict length)
{
    int entry_errno = errno;
    const struct image *image = host_image();
    bool concerns_us = image != NULL && (image->is_cluster_worker || memory_has_moves());
    socklen_t room = 0;
    /* The call overwrites how much room there is. */
    if (concerns_us && readable(length))
        memcpy(&room, length, sizeof room);
    errno = entry_errno;
    int result = real_getsockname(fd, address, length);
    if (result == 0 && room != 0) {
        show_asked_port(image, fd, address, room);
        errno = entry_errno;
    }
    return result;
}
