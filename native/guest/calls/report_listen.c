/*
 * Reporting a server: see report_listen.h.
 *
 * Theory of operation. Who prints the notice of a move? Often the process that listens is not the
 * one that bound: reloaders bind, and their children, programs of their own, listen. So whoever
 * makes the socket listen first prints it, if it knows of the move: from its own memory or, where
 * an earlier program was moved, from the map (a lease of this project on this port, asked for as
 * another, not committed). Workers that share a socket find it listening already, and pass a gate
 * one by one; workers with sockets of their own share memory (notice_once.h).
 */
#include "guest/calls/report_listen.h"

#include "guest/calls/own_only.h"
#include "guest/daemon/ask.h"
#include "guest/daemon/notice.h"
#include "guest/host.h"
#include "guest/kernel/sys.h"
#include "guest/project/project.h"
#include "guest/project/repo.h"
#include "guest/state/fork_shared.h"
#include "guest/state/memory.h"
#include "guest/state/notice_once.h"

#include <string.h>
#include <sys/un.h>

enum { NAME_ROOM = 64 }; /* of the datagram that report_name sends */

static bool read_name(int fd, struct target *target)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    return sys_call(SYS_getsockname, fd, &name, &length) == 0 && address_read(&name, length, target);
}

/* Send without waiting: a daemon that has no room for the message finds the listener by itself. */
static void send_message(const char *path, const char *line, size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t path_length = strlen(path);
    if (length == 0 || path_length == 0 || path_length >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, path_length + 1);
    int fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    sys_call(SYS_sendto, fd, line, length, MSG_NOSIGNAL | MSG_DONTWAIT, &address, sizeof address);
    sys_close(fd);
}

/* The number that this program bound, and not the kernel or a parent; 0 where it did not. */
static uint16_t asked_for(uint64_t cookie, const struct target *target, bool is_udp)
{
    uint16_t asked = memory_asked_for(target->port, is_udp);
    if (asked != 0)
        return asked;
    return fork_shared_has_socket(cookie) ? target->port : 0;
}

static void report_to_daemon(const struct image *image, int fd, const struct target *target,
                             bool is_udp, const char *notify_socket)
{
    struct {
        char line[WIRE_REQUEST], project[IMAGE_PATH];
    } *room = sys_scratch(sizeof *room);
    if (room == NULL)
        return;
    struct listen_message message = {
        .target = target,
        .is_udp = is_udp,
        .project = project_path(image, room->project),
        .repo = repo_key(image),
    };
    if (sys_option(fd, SOL_SOCKET, SO_COOKIE, &message.cookie, sizeof message.cookie)) {
        message.asked = asked_for(message.cookie, target, is_udp);
        send_message(notify_socket, room->line,
                     wire_listen_message(&message, image, room->line, sizeof room->line));
    }
    sys_scratch_free(room, sizeof *room);
}

/* TCP and UDP that were moved together are one server, with one notice. */
static void notify_user(const struct image *image, uint16_t asked, const struct answer *answer)
{
    if (asked == answer->port)
        return;
    /* The first socket is a probe; if another one listens there, the program serves. */
    if (answer->cause == CAUSE_PROBES && notice_once_claim_probe(asked, answer->port))
        return;
    if (notice_once_claim(asked, answer->port, false))
        notice_moved(image, asked, answer);
}

/*
 * Ask for what the log needs to know of a move that another program made: that program's question
 * once more, which has the same answer. Without an answer the user sees the notice alone.
 */
static void ask_again(const struct image *image, const struct portmap *map,
                      const struct target *target, uint16_t asked, struct answer *answer)
{
    char *scratch = sys_scratch(IMAGE_PATH);
    if (scratch == NULL)
        return;
    struct move moves[8];
    struct target at_asked = *target;
    struct question question = {
        .target = &at_asked, .reason = REASON_PLACED, .project = project_path(image, scratch)};
    struct patience patience = ask_patience();
    size_t count = portmap_moves(map, asked, project_key(image), MOVES_HELD | MOVES_LIVE, moves, 8);
    at_asked.port = asked;
    for (size_t i = 0; i < count; i++) {
        struct answer again;
        if (moves[i].port != target->port)
            continue;
        question.image_id = moves[i].image_id;
        if (ask_daemon(&question, image, map->bind_socket, &patience, &again) ==
                ASKED_ANSWERED &&
            again.verdict == VERDICT_MOVE && again.port == target->port)
            *answer = again;
        break;
    }
    sys_scratch_free(scratch, IMAGE_PATH);
}

/* Notify the user of a move that the map shows and this program did not make. */
static void notify_inherited(const struct listen_call *call, const struct target *target)
{
    struct answer answer = {.verdict = VERDICT_MOVE, .port = target->port};
    struct portmap map;
    if (host_map_open(call->image, call->fd, &map)) {
        ask_again(call->image, &map, target, call->promise.asked, &answer);
        host_map_close(&map);
    }
    notify_user(call->image, call->promise.asked, &answer);
}

/*
 * A program that was told that its port is taken listens now. If that is its choice, the daemon,
 * which has had our report, knows what is to be said of it.
 */
static void notify_chosen(const struct listen_call *call, const struct target *target)
{
    struct answer answer;
    char *scratch = sys_scratch(IMAGE_PATH);
    if (scratch == NULL)
        return;
    struct question question = {.target = target,
                                .reason = REASON_CHOSEN,
                                .image_id = call->image->image_id,
                                .project = project_path(call->image, scratch)};
    struct patience patience = ask_patience();
    enum asked asked = ask_daemon(&question, call->image, call->map.bind_socket, &patience,
                                  &answer);
    sys_scratch_free(scratch, IMAGE_PATH);
    if (asked == ASKED_ANSWERED && answer.verdict == VERDICT_MOVE && answer.port == target->port &&
        answer.cause == CAUSE_TOOK)
        notify_user(call->image, answer.asked, &answer);
}

/* Whether the map shows a move to this port that another program of this project made. */
static bool shows_inherited(struct listen_call *call, const struct portmap *map, uint16_t port)
{
    return memory_asked_for(port, false) == 0 &&
           portmap_promise(map, port, &call->promise) && call->promise.asked != 0 &&
           !call->promise.committed &&
           project_is_owner(call->image, call->promise.owner);
}

/*
 * The map comes first: another worker of the server may listen, and its datagram commit the move,
 * between any two steps here. Whoever saw the move uncommitted and is then the first to listen
 * prints the notice.
 */
void report_listen_prepare(struct listen_call *call)
{
    struct target target;
    uint64_t cookie = 0;
    call->gate = -1;
    call->is_inherited = false;
    call->port = 0;
    call->has_map = host_map_open(call->image, call->fd, &call->map);
    if (call->has_map) {
        if (read_name(call->fd, &target))
            call->port = target.port;
        call->is_inherited =
            call->port != 0 && shows_inherited(call, &call->map, call->port);
        host_map_close(&call->map);
    }
    if (call->is_inherited &&
        sys_option(call->fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie))
        call->gate = listen_gate_enter(cookie);
    call->is_first = sys_int_option(call->fd, SO_ACCEPTCONN) == 0;
}

void report_listen_outcome(struct listen_call *call, bool listens)
{
    struct target target;
    struct answer answer;
    listen_gate_leave(call->gate);
    if (!listens || !read_name(call->fd, &target))
        return;
    own_only_listens();
    if (call->has_map)
        report_to_daemon(call->image, call->fd, &target, false, call->map.notify_socket);
    uint16_t asked = memory_asked_for(target.port, false);
    if (!call->is_first)
        return;
    if (asked != 0 && memory_recall(target.port, false, &answer))
        notify_user(call->image, asked, &answer);
    else if (call->is_inherited)
        notify_inherited(call, &target);
    else if (call->has_map && target.port >= ADDRESS_FIRST_PORT && memory_is_steered())
        notify_chosen(call, &target);
}

void report_name(const struct image *image, int fd, uint16_t asked, uint16_t port)
{
    char line[NAME_ROOM];
    struct portmap map;
    if (!notice_once_claim_name(asked, port) || !host_map_open(image, fd, &map))
        return;
    host_map_close(&map);
    send_message(map.notify_socket, line, wire_name_message(port, image, line, sizeof line));
}

void report_udp_bind(const struct image *image, int fd, const struct portmap *map)
{
    struct target target;
    struct answer answer;
    if (!read_name(fd, &target))
        return;
    report_to_daemon(image, fd, &target, true, map->notify_socket);
    uint16_t asked = memory_asked_for(target.port, true);
    if (asked != 0 && memory_recall(target.port, true, &answer))
        notify_user(image, asked, &answer);
}
