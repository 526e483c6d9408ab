/*
 * One question to the daemon: a line out, a line back, one deadline.
 *
 * Whatever goes wrong (no daemon, too late, nonsense) leaves the caller without an answer; what it
 * was is for the user to know. A process that has waited in vain asks nothing for a while, so that a sick daemon costs a program
 * one deadline and not one for each bind.
 */
#ifndef STYXY_ASK_H
#define STYXY_ASK_H

#include "guest/daemon/wire.h"

/* Until when the questions of one bind are waited for, in the time of sys_now; 0 = not yet begun. */
struct patience {
    uint64_t until : 63;
    uint64_t is_extended : 1; /* the daemon has asked for more time, which it may do once */
};

/* How long a question that is asked now waits for its answer. */
struct patience ask_patience(void);

enum asked {
    ASKED_ANSWERED,
    ASKED_NOBODY,  /* nobody listens */
    ASKED_SILENT,  /* no answer came in time, now or a moment ago */
    ASKED_GARBLED, /* what came is no answer, or we could not ask at all */
};

/* Ask, and wait for the answer as long as `patience` says, which the daemon may extend. */
enum asked ask_daemon(const struct question *question, const struct image *image,
                      const char *bind_socket, struct patience *patience, struct answer *answer);

#endif
