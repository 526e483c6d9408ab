/* Waiting for the port map to show a server that has just begun to listen: see catch_up.h. */
#include "guest/calls/catch_up.h"

#include "guest/image.h"
#include "guest/kernel/diag.h"
#include "guest/kernel/sys.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/un.h>

enum { MOST_HELD = 8, PAUSE_NS = 500 * 1000, PATIENCE_NS = 50 * 1000 * 1000 };

static PER_IMAGE _Atomic uint64_t never_shown; /* the socket that was waited for in vain */

/* Whether the daemon of the map still runs: a datagram socket whose owner has ended refuses. */
static bool has_daemon(const struct portmap *map)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strnlen(map->notify_socket, sizeof address.sun_path);
    if (map->retired || length == 0 || length == sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, map->notify_socket, length + 1);
    int fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool runs = sys_call(SYS_connect, fd, &address, sizeof address) == 0;
    sys_close(fd);
    return runs;
}

static bool is_worth_waiting(const struct portmap *map, uint64_t cookie)
{
    return cookie != 0 && cookie != atomic_load(&never_shown) && has_daemon(map);
}

/*
 * Let some time pass; false at `deadline` (of sys_now), which is remembered of the socket. A pause
 * may take longer than it is told, so pauses are not counted.
 */
static bool pause_until(uint64_t deadline, uint64_t cookie)
{
    const struct timespec pause = {0, PAUSE_NS};
    if (sys_now() >= deadline) {
        atomic_store(&never_shown, cookie);
        return false;
    }
    sys_call(SYS_nanosleep, &pause, NULL);
    return true;
}

/* The cookie of a socket that listens where a place is held, and nobody was seen; or 0. */
static uint64_t unseen_listener(const struct portmap *map, int diag, uint16_t asked,
                                uint64_t project)
{
    struct move held[MOST_HELD];
    size_t count = portmap_moves(map, asked, project, MOVES_HELD, held, MOST_HELD);
    uint64_t cookie = 0;
    for (size_t i = 0; i < count && cookie == 0; i++)
        for (enum family family = FAMILY_V4; family < FAMILIES && cookie == 0; family++)
            if (held[i].cookie[FAMILY_V4] == 0 && held[i].cookie[FAMILY_V6] == 0)
                cookie = diag_listener(diag, ADDRESS_LOOPBACK[family], family == FAMILY_V4, 0,
                                       held[i].port);
    return cookie;
}

size_t catch_up_moves(const struct portmap *map, int diag, uint16_t asked, uint64_t project,
                      struct move *moves, size_t room)
{
    size_t count = 0;
    uint64_t cookie = unseen_listener(map, diag, asked, project);
    if (!is_worth_waiting(map, cookie))
        return 0;
    uint64_t deadline = sys_now() + PATIENCE_NS;
    while (count == 0 && pause_until(deadline, cookie))
        count = portmap_moves(map, asked, project, MOVES_LIVE, moves, room);
    return count;
}

void catch_up_outlook(const struct portmap *map, int diag, const uint8_t address[16],
                      enum family family, uint16_t port, struct outlook *outlook)
{
    if (outlook->answering[family].cookie != 0)
        return;
    uint64_t cookie = diag_listener(diag, address, family == FAMILY_V4, 0, port);
    if (!is_worth_waiting(map, cookie))
        return;
    uint64_t deadline = sys_now() + PATIENCE_NS;
    while (outlook->answering[family].cookie == 0 && pause_until(deadline, cookie))
        if (!portmap_outlook(map, port, outlook))
            return;
}
