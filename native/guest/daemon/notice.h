/*
 * What the user sees of a move: one line on a standard stream, one line in the log.
 *
 * These are the only bytes that are ever written for people. Nothing here waits, raises a signal,
 * or writes to a descriptor other than the stream that the program was started with.
 */
#ifndef STYXY_NOTICE_H
#define STYXY_NOTICE_H

#include "guest/daemon/wire.h"

/* An answer without a time was given to another program: it is shown and not logged. */
void notice_moved(const struct image *image, uint16_t asked, const struct answer *answer);
void notice_single(const struct image *image, uint16_t asked, const struct answer *answer);

#endif
