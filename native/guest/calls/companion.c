/* TCP and UDP of one server: see companion.h. */
#include "guest/calls/companion.h"

#include "guest/calls/options.h"
#include "guest/host.h"
#include "guest/kernel/multicast.h"
#include "guest/kernel/sys.h"
#include "guest/state/fork_shared.h"
#include "guest/state/memory.h"
#include "guest/state/udp_sockets.h"

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    return sys_option(fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie) ? cookie : 0;
}

static bool has_peer(int fd)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    return sys_call(SYS_getpeername, fd, &name, &length) == 0;
}

bool companion_is_moved(const struct attempt *attempt)
{
    uint16_t asked = attempt->target.port;
    if (memory_was_moved(asked, !attempt->is_udp))
        return true;
    for (size_t i = 0; i < attempt->move_count; i++)
        if (attempt->moves[i].state != MOVE_REMEMBERED &&
            attempt->moves[i].image_id == attempt->image->image_id)
            return true;
    return false;
}

void companion_remember(const struct attempt *attempt)
{
    struct udp_socket bound = {
        .number = host_socket_number(attempt->fd),
        .cookie = cookie_of(attempt->fd),
    };
    udp_sockets_add(&bound, attempt->target.port);
}

/* Bind a socket like an old one to the address of that, but at another port; -1 where it fails. */
static int bound_like(int old, const struct sockaddr_storage *name, socklen_t length, uint16_t port)
{
    struct sockaddr_storage moved;
    int fresh = socket_like(old);
    if (fresh < 0)
        return -1;
    address_with_port(name, length, port, &moved);
    fork_shared_add_socket(cookie_of(fresh), port, true);
    if (sys_call(SYS_bind, fresh, &moved, length) == 0)
        return fresh;
    fork_shared_drop_socket(cookie_of(fresh));
    sys_close(fresh);
    return -1;
}

/* Replace one socket, if it is the one that was bound to `asked`, and nobody has it as a client. */
static void replace(const struct listen_call *call, const struct udp_socket *socket, int old,
                    uint16_t asked, const struct answer *answer)
{
    struct sockaddr_storage name;
    struct target target;
    socklen_t length = sizeof name;
    if (cookie_of(old) != socket->cookie || has_peer(old) ||
        sys_call(SYS_getsockname, old, &name, &length) != 0 ||
        !address_read(&name, length, &target) || target.port != asked || multicast_is_used(old))
        return;
    int fresh = bound_like(old, &name, length, answer->port);
    if (fresh < 0)
        return;
    uint64_t cookie = cookie_of(fresh);
    if (host_socket_replace(socket->number, fresh)) {
        fork_shared_drop_socket(socket->cookie);
        memory_add_move(asked, true, answer);
        if (call->has_map)
            report_udp_bind(call->image, fresh, &call->map);
    } else {
        fork_shared_drop_socket(cookie);
    }
    sys_close(fresh);
}

void companion_follow(const struct listen_call *call)
{
    struct sockaddr_storage name;
    struct target target;
    struct udp_socket socket;
    struct answer answer;
    socklen_t length = sizeof name;
    if (!memory_has_moves() || sys_call(SYS_getsockname, call->fd, &name, &length) != 0 ||
        !address_read(&name, length, &target))
        return;
    uint16_t asked = memory_asked_for(target.port, false);
    if (asked == 0 || !memory_recall(target.port, false, &answer))
        return;
    while (udp_sockets_take(asked, &socket)) {
        int old = host_socket_open(socket.number);
        if (old < 0)
            continue;
        replace(call, &socket, old, asked, &answer);
        host_socket_close(old);
    }
}
