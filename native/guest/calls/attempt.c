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

enum { MOST_TRIES = 8 }; /* places lost in a race, within one deadline */

bool attempt_read_map(struct attempt *attempt)
{
    struct portmap *map = &attempt->map;
    uint16_t port = attempt->target.port;
    attempt->move_count = 0;
    if (!host_map_open(attempt->image, attempt->fd, map))
        return false;
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

int attempt_bind_at(struct attempt *attempt, struct answer *answer)
{
    struct sockaddr_storage moved;
    address_with_port(attempt->address, attempt->length, answer->port, &moved);
    return bind_with(attempt, (const struct sockaddr *)&moved, answer->port);
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
    if (attempt->deadline == 0)
        attempt->deadline = ask_deadline();
    bool answered = ask_daemon(&question, attempt->image, attempt->map.bind_socket,
                               attempt->deadline, answer);
    sys_scratch_free(scratch, IMAGE_PATH);
    if (!answered)
        host_map_forget();
    return answered;
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
        if (!ask_once(attempt, reason, lost, &answer) || answer.verdict == VERDICT_ERROR)
            return UNANSWERED;
        if (answer.verdict == VERDICT_KEEP)
            return UNMOVED;
        /* The daemon knows that another process of this program has it. */
        if (answer.verdict == VERDICT_MOVE && answer.port == lost)
            return REFUSED;
        if (answer.verdict == VERDICT_SINGLE) {
            notice_single(attempt->image, asked, &answer);
            return REFUSED;
        }
        if (place(attempt, &answer) == 0) {
            if (answer.port != asked)
                memory_add_move(asked, attempt->is_udp, &answer);
            return BOUND;
        }
        if (errno != EADDRINUSE)
            return UNANSWERED;
        lost = answer.port;
    }
    return UNANSWERED;
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
