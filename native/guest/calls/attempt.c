/* An attempt: see attempt.h. */
#include "guest/calls/attempt.h"

#include "guest/calls/lookup.h"
#include "guest/daemon/ask.h"
#include "guest/daemon/notice.h"
#include "guest/host.h"
#include "guest/kernel/sys.h"
#include "guest/project/project.h"
#include "guest/state/fork_shared.h"
#include "guest/state/memory.h"
#include "guest/state/notice_once.h"

enum { MOST_TRIES = 8 }; /* places lost in a race, within one deadline */

bool attempt_read_map(struct attempt *attempt)
{
    struct portmap *map = &attempt->map;
    uint16_t port = attempt->target.port;
    attempt->move_count = 0;
    if (!host_map_open(attempt->image, attempt->fd, map)) {
        /* Without a home there is none to start, either. */
        bool has_home = attempt->image->home[0] != '\0';
        attempt->unmoved = has_home ? UNMOVED_NO_DAEMON : UNMOVED_NOT;
        return false;
    }
    if (portmap_promise(map, port, &attempt->promise) && attempt->promise.has_moves)
        attempt->move_count =
            portmap_moves(map, port, project_key(attempt->image),
                          MOVES_HELD | MOVES_LIVE | MOVES_REMEMBERED, attempt->moves,
                          ATTEMPT_MOVES);
    host_map_close(map);
    return true;
}

static int bind_with(const struct attempt *attempt, const struct sockaddr *address, uint16_t port)
{
    uint64_t cookie = 0;
    if (sys_option(attempt->fd, SOL_SOCKET, SO_COOKIE, &cookie, sizeof cookie))
        fork_shared_add_socket(cookie, port, attempt->is_udp);
    errno = attempt->entry_errno;
    int result = real_bind(attempt->fd, address, attempt->length);
    if (result != 0)
        fork_shared_drop_socket(cookie);
    return result;
}

int attempt_bind_as_asked(const struct attempt *attempt)
{
    return bind_with(attempt, attempt->address, attempt->target.port);
}

int attempt_bind_at(struct attempt *attempt, uint16_t *port)
{
    struct sockaddr_storage moved;
    address_with_port(attempt->address, attempt->length, *port, &moved);
    return bind_with(attempt, (const struct sockaddr *)&moved, *port);
}

static bool ask_once(struct attempt *attempt, enum reason reason, uint16_t lost,
                     struct answer *answer)
{
    char *scratch = sys_scratch(IMAGE_PATH);
    if (scratch == NULL)
        return false;
    struct question question = {
        .target = &attempt->target,
        .is_udp = attempt->is_udp,
        .reason = reason,
        .lost = lost,
        .image_id = attempt->image->image_id,
        .project = project_path(attempt->image, scratch),
    };
    if (attempt->patience.until == 0)
        attempt->patience = ask_patience();
    enum asked asked = ask_daemon(&question, attempt->image, attempt->map.bind_socket,
                                  &attempt->patience, answer);
    sys_scratch_free(scratch, IMAGE_PATH);
    if (asked == ASKED_ANSWERED)
        return true;
    host_map_forget();
    attempt->unmoved = asked == ASKED_NOBODY   ? UNMOVED_NO_DAEMON
                       : asked == ASKED_SILENT ? UNMOVED_SILENT
                                               : UNMOVED_GARBLED;
    return false;
}

/*
 * Whether a port that could not be bound is held by this program itself. Then the result must be
 * EADDRINUSE: the program may be trying whether the port is free, or be going on to the next
 * number.
 */
static bool is_own(const struct attempt *attempt, uint16_t port)
{
    return port != 0 && fork_shared_has_bound(port, attempt->is_udp) &&
           lookup_finds_own_alone(port, attempt->is_udp);
}

/* Say once for each program why it has no place; `said` is what the daemon said. */
static void tell(const struct attempt *attempt, const char *said)
{
    if (notice_once_claim(0, 0, false))
        notice_unmoved(attempt->image, attempt->target.port, attempt->unmoved, said);
}

/* The daemon has no place: what it says is told at once, even where the real bind passes then. */
static enum outcome refused(struct attempt *attempt, enum reason reason,
                            const struct answer *answer)
{
    attempt->unmoved = UNMOVED_REFUSED;
    /* Where a place was only remembered, the bind that follows may pass, and all is well. */
    if (reason != REASON_PLACED && reason != REASON_RETURNED)
        tell(attempt, answer->error);
    return UNANSWERED;
}

/* The port stays taken. Programs probe one number at several addresses: what to do is said once. */
static enum outcome taken(const struct attempt *attempt, const struct answer *answer)
{
    uint16_t asked = attempt->target.port;
    memory_note_steered();
    if (answer->error[0] != '\0' && notice_once_claim(asked, 0, attempt->is_udp))
        notice_taken(attempt->image, asked, answer->error);
    return REFUSED;
}

enum outcome attempt_ask(struct attempt *attempt, enum reason reason, uint16_t lost,
                         place_function *place)
{
    uint16_t asked = attempt->target.port;
    if (lost == 0 && reason == REASON_INUSE && is_own(attempt, asked))
        return REFUSED;
    for (int i = 0; i < MOST_TRIES; i++) {
        struct answer answer;
        if (is_own(attempt, lost))
            return REFUSED;
        if (!ask_once(attempt, reason, lost, &answer))
            return UNANSWERED;
        if (answer.verdict == VERDICT_ERROR)
            return refused(attempt, reason, &answer);
        if (answer.verdict == VERDICT_TAKEN)
            return taken(attempt, &answer);
        if (answer.verdict == VERDICT_KEEP)
            return UNMOVED;
        /* The daemon knows that another process of this program has it. */
        if (answer.verdict == VERDICT_MOVE && answer.port == lost)
            return REFUSED;
        if (answer.verdict == VERDICT_SINGLE) {
            notice_single(attempt->image, asked, &answer);
            return REFUSED;
        }
        uint16_t port = answer.port;
        if (place(attempt, &port) == 0) {
            if (port != answer.port) /* beside a worker, which has the notice */
                answer = (struct answer){.verdict = VERDICT_MOVE, .port = port};
            if (port != asked)
                memory_add_move(asked, attempt->is_udp, &answer);
            return BOUND;
        }
        if (errno != EADDRINUSE)
            return UNANSWERED;
        lost = answer.port;
    }
    attempt->unmoved = UNMOVED_LOST;
    return UNANSWERED;
}

/* Whether there is a daemon after all, which serves another network namespace. */
static bool is_of_other_network(const struct attempt *attempt)
{
    struct portmap map;
    if (!host_map_open_any(attempt->image, &map))
        return false;
    bool is_other = !map.retired && !host_map_is_ours(attempt->fd, &map);
    host_map_close(&map);
    return is_other;
}

/* Find out why there is no daemon; UNMOVED_NOT where nobody could know, as in a chroot. */
static enum unmoved why_no_daemon(const struct attempt *attempt)
{
    struct statx home;
    int spare = sys_socket(AF_UNIX, SOCK_DGRAM, 0);
    if (spare < 0)
        return UNMOVED_NOT; /* without a descriptor, none of its files can be read */
    sys_close(spare);
    if (attempt->image->socket[0] == '\0' && !sys_status_at(attempt->image->home, &home))
        return errno == EACCES ? UNMOVED_OTHER_USER : UNMOVED_NOT;
    uint32_t user = (uint32_t)sys_call(SYS_geteuid); /* root may ask every user's daemon */
    if (attempt->image->socket[0] == '\0' && user != 0 && home.stx_uid != user)
        return UNMOVED_OTHER_USER;
    return is_of_other_network(attempt) ? UNMOVED_OTHER_NETWORK : UNMOVED_NO_DAEMON;
}

int attempt_told(struct attempt *attempt, int result)
{
    int error = errno;
    bool has_failed = result != 0 && error == EADDRINUSE;
    if (attempt->unmoved == UNMOVED_NO_DAEMON && has_failed)
        attempt->unmoved = why_no_daemon(attempt);
    if (attempt->unmoved != UNMOVED_NOT && has_failed &&
        !is_own(attempt, attempt->target.port))
        tell(attempt, "");
    errno = error;
    return result;
}

bool attempt_is_promised_to_another(const struct attempt *attempt)
{
    return attempt->promise.owner != 0 &&
           !project_is_owner(attempt->image, attempt->promise.owner);
}

int attempt_done(const struct attempt *attempt)
{
    errno = attempt->entry_errno;
    return 0;
}

int attempt_in_use(void)
{
    errno = EADDRINUSE;
    return -1;
}
