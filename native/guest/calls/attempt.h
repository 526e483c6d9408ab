/*
 * An attempt: one bind(), or one listen() that must bind a fresh socket. What the program wants,
 * what the map says of it, and how the daemon is asked for another place (a port).
 *
 * Every failure on the way (no daemon, no descriptor, nonsense) leads to the real call with the
 * program's own address, or, where that has run, to its result.
 */
#ifndef STYXY_ATTEMPT_H
#define STYXY_ATTEMPT_H

#include "guest/daemon/ask.h"
#include "guest/daemon/notice.h"
#include "guest/daemon/portmap.h"
#include "guest/daemon/wire.h"
#include "guest/image.h"
#include "guest/kernel/address.h"

enum { ATTEMPT_MOVES = 8 };

struct attempt {
    const struct image *image;
    int fd;
    const struct sockaddr *address; /* the program's own, never written to */
    socklen_t length;
    struct target target;
    bool is_udp;
    int backlog;               /* of a listen */
    struct portmap map;        /* what its header said; it is closed by now */
    struct promise promise;
    struct move moves[ATTEMPT_MOVES]; /* of this project, away from this port */
    size_t move_count;
    int entry_errno;
    struct patience patience;  /* of all questions together */
    enum unmoved unmoved;      /* why it has no place of its own, if it should have one */
};

enum outcome {
    BOUND,     /* at the place that the daemon named */
    REFUSED,   /* a singleton has the port, or this program itself, or it finds its own way */
    UNMOVED,   /* the daemon says: where you asked */
    UNANSWERED /* no daemon, or no place */
};

/* Take the place that an answer names; 0, or -1 with errno. It may take another, and says which. */
typedef int place_function(struct attempt *attempt, uint16_t *port);

/* Read what the map says of the target's port; false where there is no daemon. */
bool attempt_read_map(struct attempt *attempt);

/*
 * Ask the daemon, and take the place that it names. One that is taken by now is reported back, and
 * the next one is tried. `lost` is a port that was lost before; 0 = none.
 */
enum outcome attempt_ask(struct attempt *attempt, enum reason reason, uint16_t lost,
                         place_function *place);

/* The real bind with the caller's own address, or on a copy with another port. */
int attempt_bind_as_asked(const struct attempt *attempt);
int attempt_bind_at(struct attempt *attempt, uint16_t *port);

bool attempt_is_promised_to_another(const struct attempt *attempt);

/*
 * Tell the user why a conflict was not settled, once for each program, if `result` is the conflict
 * and the program is not in its own way. Returns `result`, and leaves errno as it is.
 */
int attempt_told(struct attempt *attempt, int result);

/* The two results of the program's call, with their errno. */
int attempt_done(const struct attempt *attempt);
int attempt_in_use(void);

/* Do the program's bind, here or elsewhere: tcp.c, udp.c. Its result, with its errno. */
int bind_tcp(struct attempt *attempt);
int bind_udp(struct attempt *attempt);

/* Whether a UDP socket is one that Styxy moves at all. */
bool udp_may_move(const struct attempt *attempt);

#endif
