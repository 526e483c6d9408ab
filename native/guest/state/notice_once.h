/*
 * One notice for each move, however many processes serve on the moved port.
 *
 * Workers with sockets of their own share memory (fork_shared.h): the first to claim the notice
 * prints it. Workers that make one inherited socket listen may be programs of their own: they pass
 * the listen gate one at a time, and whoever finds the socket not listening yet is the first.
 */
#ifndef STYXY_NOTICE_ONCE_H
#define STYXY_NOTICE_ONCE_H

#include <stdbool.h>
#include <stdint.h>

/* Claim the notice of a move; true for the first of all processes that share memory. */
bool notice_once_claim(uint16_t asked, uint16_t got, bool is_udp);

/* Claim the report that the program has read the port that it got; true for the first. */
bool notice_once_claim_name(uint16_t asked, uint16_t got);

/* Claim the probe of a program that is known to try a port before it serves; true for the first. */
bool notice_once_claim_probe(uint16_t asked, uint16_t got);

/*
 * Wait a moment for the gate of a socket; a descriptor, or -1 where somebody else keeps it. The
 * gate is an abstract Unix socket named after the socket's cookie: it lies in no directory, and is
 * gone with the process that holds it, whatever becomes of that.
 */
int listen_gate_enter(uint64_t cookie);
void listen_gate_leave(int gate);

#endif
