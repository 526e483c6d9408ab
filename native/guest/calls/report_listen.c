/*
 * A server is there: see announce.h.
 *
 * Who tells the user of a move? Often the process that listens is not the one that bound: reloaders
 * bind, and their children, programs of their own, listen. So whoever makes the socket listen first
 * tells, if the move is known to it, from its own memory or, where an earlier program made it, from
 * the map (a lease of this project on this port, asked for as another, not committed). Workers that
 * share a socket find it listening already, and pass a gate one by one (gate.h); workers with sockets
 * of their own share a page (told.h).
 */
#include "guest/calls/report_listen.h"

#include "guest/daemon/ask.h"
#include "guest/state/listen_gate.h"
#include "guest/daemon/mapfile.h"
#include "guest/state/memory.h"
#include "guest/daemon/notice.h"
#include "guest/project/project.h"
#include "guest/project/repo.h"
#include "guest/kernel/sys.h"
#include "guest/state/notice_once.h"

#include <string.h>
#include <sys/un.h>

static bool read_name(int fd, struct target *target)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    return syscall(SYS_getsockname, fd, &name, &length) == 0 && policy_read(&name, length, target);
}

/* Send without waiting: a daemon that has no room for it finds the listener by itself. */
static void send_note(const char *path, const char *line, size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t path_length = strlen(path);
    if (length == 0 || path_length == 0 || path_length >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, path_length + 1);
    int fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    syscall(SYS_sendto, fd, line, length, MSG_NOSIGNAL | MSG_DONTWAIT, &address, sizeof address);
    sys_close(fd);
}

static void tell_daemon(const struct image *image, int fd, const struct target *target, bool is_udp,
                        const char *note_socket)
{
    struct {
        char line[WIRE_REQUEST], project[IMAGE_PATH];
    } *room = sys_room(sizeof *room);
    if (room == NULL)
        return;
    struct note note = {
        .target = target,
        .is_udp = is_udp,
        .project = project_path(image, room->project),
        .repo = repo_key(image),
    };
    if (sys_option(fd, SOL_SOCKET, SO_COOKIE, &note.cookie, sizeof note.cookie))
        send_note(note_socket, room->line,
                  wire_note(&note, image, room->line, sizeof room->line));
    sys_leave_room(room, sizeof *room);
}

static void tell_user(const struct image *image, uint16_t asked, bool is_udp,
                      const struct answer *answer)
{
    if (asked != answer->port && told_claim(asked, answer->port, is_udp))
        notice_moved(image, asked, answer);
}

/*
 * Ask for what the log wants to know of a move that another program made: that program's question
 * once more, which has the same answer. Without one the user sees the notice alone.
 */
static void ask_again(const struct image *image, const struct portmap *map,
                      const struct target *target, uint16_t asked, struct answer *answer)
{
    char *scratch = sys_room(IMAGE_PATH);
    if (scratch == NULL)
        return;
    struct move moves[8];
    struct target at_asked = *target;
    struct question question = {
        .target = &at_asked, .reason = REASON_PLACED, .project = project_path(image, scratch)};
    size_t count = portmap_moves(map, asked, project_key(image), MOVES_HELD | MOVES_LIVE, moves, 8);
    at_asked.port = asked;
    for (size_t i = 0; i < count; i++) {
        struct answer again;
        if (moves[i].port != target->port)
            continue;
        question.server = moves[i].server;
        if (ask_daemon(&question, image, map->line_socket, ask_deadline(), &again) &&
            again.verdict == VERDICT_MOVE && again.port == target->port)
            *answer = again;
        break;
    }
    sys_leave_room(scratch, IMAGE_PATH);
}

/* Tell of a move that the map shows and this program did not make. */
static void tell_inherited(const struct arrival *arrival, const struct target *target)
{
    struct answer answer = {.verdict = VERDICT_MOVE, .port = target->port};
    struct portmap map;
    if (mapfile_open(arrival->image, arrival->fd, &map)) {
        ask_again(arrival->image, &map, target, arrival->promise.asked, &answer);
        mapfile_close(&map);
    }
    tell_user(arrival->image, arrival->promise.asked, false, &answer);
}

/* Whether the map shows a move to this port that another program of this project made. */
static bool shows_inherited(struct arrival *arrival, const struct portmap *map, uint16_t port)
{
    return memory_asked_for(port, false) == 0 &&
           portmap_promise(map, port, &arrival->promise) && arrival->promise.asked != 0 &&
           !arrival->promise.committed &&
           project_is_owner(arrival->image, arrival->promise.owner);
}

/*
 * The map first: another worker of the server may listen, and its datagram commit the move, between
 * any two steps here. Whoever saw the move uncommitted and is then the first to listen, tells.
 */
void announce_prepare(struct arrival *arrival)
{
    struct target target;
    uint64_t cookie = 0;
    arrival->gate = -1;
    arrival->is_inherited = false;
    arrival->port = 0;
    arrival->has_map = mapfile_open(arrival->image, arrival->fd, &arrival->map);
    if (arrival->has_map) {
        if (read_name(arrival->fd, &target))
            arrival->port = target.port;
        arrival->is_inherited =
            arrival->port != 0 && shows_inherited(arrival, &arrival->map, arrival->port);
        mapfile_close(&arrival->map);
    }
    if (arrival->is_inherited &&
        sys_option(arrival->fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie))
        arrival->gate = gate_enter(cookie);
    arrival->is_first = sys_number_option(arrival->fd, SO_ACCEPTCONN) == 0;
}

void announce_outcome(struct arrival *arrival, bool listens)
{
    struct target target;
    struct answer answer;
    gate_leave(arrival->gate);
    if (!listens || !read_name(arrival->fd, &target))
        return;
    if (arrival->has_map)
        tell_daemon(arrival->image, arrival->fd, &target, false, arrival->map.note_socket);
    uint16_t asked = memory_asked_for(target.port, false);
    if (!arrival->is_first)
        return;
    if (asked != 0 && memory_recall(target.port, false, &answer))
        tell_user(arrival->image, asked, false, &answer);
    else if (arrival->is_inherited)
        tell_inherited(arrival, &target);
}

void announce_udp(const struct image *image, int fd, const struct portmap *map)
{
    struct target target;
    struct answer answer;
    if (!read_name(fd, &target))
        return;
    tell_daemon(image, fd, &target, true, map->note_socket);
    uint16_t asked = memory_asked_for(target.port, true);
    if (asked != 0 && memory_recall(target.port, true, &answer))
        tell_user(image, asked, true, &answer);
}
