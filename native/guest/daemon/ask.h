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

/* When a question that is asked now must have its answer, in the time of sys_now. */
uint64_t ask_deadline(void);

enum asked {
    ASKED_ANSWERED,
    ASKED_NOBODY,  /* nobody listens */
    ASKED_SILENT,  /* no answer came in time, now or a moment ago */
    ASKED_GARBLED, /* what came is no answer, or we could not ask at all */
};

/* Ask, and wait for the answer until `deadline`. */
enum asked ask_daemon(const struct question *question, const struct image *image,
                const char *bind_socket, uint64_t deadline, struct answer *answer);

#endif
