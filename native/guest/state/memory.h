/*
 * The moves that this program knows of, kept in a small table that exec forgets: its own, and, as
 * they were at the fork, those of the processes that it comes from.
 *
 * Lock-free, because fork can leave a lock behind that nobody holds any more. The table is a hint:
 * the oldest entry gives way, and a reader that meets a writer misses one entry at most.
 */
#ifndef STYXY_MEMORY_H
#define STYXY_MEMORY_H

#include "guest/daemon/wire.h"

/* Remember that `asked` became what the answer says. */
void memory_add_move(uint16_t asked, bool is_udp, const struct answer *answer);
bool memory_was_moved(uint16_t asked, bool is_udp);
bool memory_has_moves(void);

/* Remember that the program was told that a port is taken, and finds its own way. */
void memory_note_steered(void);
bool memory_is_steered(void);

/*
 * Remember the cookie of a TCP socket whose port the program left to the kernel; nobody asked for
 * its number, and its listen() is none of our business.
 */
void memory_note_any_port(uint64_t cookie);
bool memory_has_any_port(uint64_t cookie);

/* The port that was asked for where `got` was given; 0 where `got` is no moved port. */
uint16_t memory_asked_for(uint16_t got, bool is_udp);

/*
 * Go through the TCP moves, from `*next` = 0 on: what was asked for, and what was given; false
 * behind the last.
 */
bool memory_next_move(int *next, uint16_t *asked, uint16_t *got);

/* Recall what the daemon said when it gave `got`; false where that is not known. */
bool memory_recall(uint16_t got, bool is_udp, struct answer *answer);

#endif
