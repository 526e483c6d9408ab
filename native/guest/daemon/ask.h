/*
 * One question to the daemon: a line out, a line back, one deadline.
 *
 * Whatever goes wrong (no daemon, too late, nonsense) is the same to the caller: no answer. A
 * process that has waited in vain asks nothing for a while, so that a sick daemon costs a program
 * one deadline and not one for each bind.
 */
#ifndef STYXY_ASK_H
#define STYXY_ASK_H

#include "guest/daemon/wire.h"

/* When a question that is asked now must have its answer, in the time of sys_now. */
uint64_t ask_deadline(void);

/* Ask, and wait for the answer until `deadline`; false where no sensible answer came. */
bool ask_daemon(const struct question *question, const struct image *image,
                const char *bind_socket, uint64_t deadline, struct answer *answer);

#endif
