/*
 * The standby: a process that holds the listener, and no other descriptor, and does nothing until
 * the supervisor dies. Then it lets every call through, beginning with the one that the supervisor
 * was working on, so that no program meets ENOSYS. It ends with the last program of the tree.
 */
#ifndef STYXY_STANDBY_H
#define STYXY_STANDBY_H

#include "supervisor/call/pending_call.h"

#include <sys/types.h>

/* Start it as a child of the caller, whose death it waits for; its pid, or -1. */
pid_t standby_start(struct pending_call *pending, int listener);

#endif
