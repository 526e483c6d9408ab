/*
 * Reading the daemon's port map: what is promised, who answers where, what was moved from where.
 * `styxy.adapters.portmap` writes the same layout, in the byte order of the machine.
 *
 * Theory of operation. The file is read at each use and never mapped: a mapped file that somebody
 * truncates kills the program with SIGBUS, and a mapping that is kept shows a dead daemon's file.
 * Reading one port is a few reads of 0.1 microseconds each. A sequence lock keeps them consistent:
 * the generation is odd while the daemon writes, and what was read counts only if the generation
 * was even before and is the same after. Where the daemon died while writing, nothing is found, and
 * the kernel alone decides.
 *
 * No value is trusted: a chain has an end even where the file says that it has none.
 */
#ifndef STYXY_PORTMAP_H
#define STYXY_PORTMAP_H

#include "guest/kernel/address.h"

enum {
    PORTMAP_VERSION = 3,
    PORTMAP_HEADER = 4096,
    PORTMAP_SOCKET = 128,
    PORTMAP_HEAD_READ = 328, /* the part of the header that is read each time */
    PORTMAP_CONNECT_FIRST_AT = 1024,
    PORTMAP_CONNECT_FIRST = 1024,
    PORTMAP_PORTS = 65536,
    PORTMAP_PROMISE = 16,
    PORTMAP_ANSWERING = 32,
    PORTMAP_FIRST_MOVE = 4,
    PORTMAP_MOVE = 64,
    PORTMAP_MOVE_SLOTS = 4096,
    PORTMAP_ASKER = 16,
    PORTMAP_ASKER_SLOTS = 8192,
    PORTMAP_PROMISES_AT = PORTMAP_HEADER,
    PORTMAP_ANSWERING_V4_AT = PORTMAP_PROMISES_AT + PORTMAP_PORTS * PORTMAP_PROMISE,
    PORTMAP_ANSWERING_V6_AT = PORTMAP_ANSWERING_V4_AT + PORTMAP_PORTS * PORTMAP_ANSWERING,
    PORTMAP_FIRST_MOVES_AT = PORTMAP_ANSWERING_V6_AT + PORTMAP_PORTS * PORTMAP_ANSWERING,
    PORTMAP_MOVES_AT = PORTMAP_FIRST_MOVES_AT + PORTMAP_PORTS * PORTMAP_FIRST_MOVE,
    PORTMAP_FIRST_ASKERS_AT = PORTMAP_MOVES_AT + PORTMAP_MOVE_SLOTS * PORTMAP_MOVE,
    PORTMAP_ASKERS_AT = PORTMAP_FIRST_ASKERS_AT + PORTMAP_PORTS * PORTMAP_FIRST_MOVE,
    PORTMAP_SIZE = PORTMAP_ASKERS_AT + PORTMAP_ASKER_SLOTS * PORTMAP_ASKER,
};

/* An open map; host.h has the functions that open one. */
struct portmap {
    int fd;
    bool retired;                     /* its daemon has ended */
    uint64_t netns;                   /* SO_NETNS_COOKIE of the daemon, 0 where unknown */
    char bind_socket[PORTMAP_SOCKET];   /* where to ask */
    char notify_socket[PORTMAP_SOCKET]; /* where to report; "" where nobody listens */
};

struct promise {
    uint64_t owner; /* the key of the lease's owner; 0 = there is no lease */
    uint16_t asked; /* the port that was asked for, where the lease is a move */
    bool committed; /* the move is committed: its server listens */
    bool has_moves; /* somebody asked for this port and was moved */
};

/* Who answers a TCP connection to a port of a loopback address; all zero = nobody. */
struct answering {
    uint64_t project, repo, cookie;
    bool shared; /* worktrees share it: a singleton, a database, ... */
    bool is_place; /* its repo has never asked for the port, which was given to it */
    bool is_container;
};

/* What the map says of the servers on a port, at one moment. */
struct outlook {
    struct answering answering[FAMILIES];
    bool has_moves; /* somebody asked for this port and was moved */
    bool has_askers; /* somebody's repo has asked for this port, and portmap_was_asked tells whose */
};

enum move_state { MOVE_HELD = 1, MOVE_LIVE, MOVE_REMEMBERED, MOVE_UDP /* where UDP goes */ };
enum { MOVES_HELD = 1 << MOVE_HELD, MOVES_LIVE = 1 << MOVE_LIVE,
       MOVES_REMEMBERED = 1 << MOVE_REMEMBERED, MOVES_UDP = 1 << MOVE_UDP };

/* One server of a project that asked for a port and was given another. */
struct move {
    uint64_t image_id;         /* of the program that was moved */
    uint64_t cookie[FAMILIES]; /* of the socket that answers on 127.0.0.1 and on ::1; 0 = none */
    uint64_t at;               /* seconds since the epoch: committed, or ended */
    uint16_t port;
    enum move_state state;
};

/* Read and check a header; false where it is damaged or of another version. */
bool portmap_header(const unsigned char *bytes, size_t length, struct portmap *map);

/*
 * The number of the map's last change: what was read under it holds as long as it stays the same.
 * False where it cannot be read, or the daemon is writing.
 */
bool portmap_generation(const struct portmap *map, uint64_t *generation);

/* Each of these is one consistent reading; false, and nothing found, where there was none. */
bool portmap_promise(const struct portmap *map, uint16_t port, struct promise *promise);
bool portmap_outlook(const struct portmap *map, uint16_t port, struct outlook *outlook);

/* Whether a repo, or a project without one (its key), has ever asked for a port. */
bool portmap_was_asked(const struct portmap *map, uint16_t port, uint64_t asker);

/* Read the names of the tools that connect first, with a newline after each; "" where none is. */
void portmap_connect_first(const struct portmap *map, char names[PORTMAP_CONNECT_FIRST]);

/*
 * Read the moves of a project away from a port that are in one of `states`, in the map's order.
 * Return their number, at most `room`.
 */
size_t portmap_moves(const struct portmap *map, uint16_t asked, uint64_t project, unsigned states,
                     struct move *moves, size_t room);

#endif
