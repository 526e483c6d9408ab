/*
 * The keeper: a process that holds the listener, and no other descriptor, and does nothing until
 * the supervisor dies. Then it lets every call through, first the one that the dead one had in
 * hand, so that no program meets ENOSYS. It ends with the last program of the tree.
 */
#ifndef STYXY_KEEPER_H
#define STYXY_KEEPER_H

#include "supervisor/call/pending_call.h"

#include <sys/types.h>

/* Start it as a child of the caller, whose death it waits for; its pid, or -1. */
pid_t keeper_start(struct ledger *ledger, int listener);

#endif
