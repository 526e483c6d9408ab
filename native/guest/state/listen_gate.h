/*
 * One at a time: of several programs that make one inherited socket listen at the same moment (the
 * workers of a server), one is the first, and tells the user of the move.
 *
 * The gate is an abstract Unix socket that is named after the socket's cookie: it is gone with the
 * process that holds it, whatever becomes of that, and lies in no directory.
 */
#ifndef STYXY_GATE_H
#define STYXY_GATE_H

#include <stdint.h>

/* Wait a moment for the gate of a socket; a descriptor, or -1 where it stays shut. */
int gate_enter(uint64_t cookie);
void gate_leave(int gate);

#endif
