/*
 * What the user sees of a move: one line on a standard stream, one line in the log (spec 5.1).
 *
 * The only bytes that the library ever writes for people. Nothing here waits, raises a signal, or
 * writes to a descriptor that is not the stream that the program was started with.
 */
#ifndef STYXY_NOTICE_H
#define STYXY_NOTICE_H

#include "guest/daemon/wire.h"

/* An answer without a time, which was given to another program, is shown and not logged. */
void notice_moved(const struct image *image, uint16_t asked, const struct answer *answer);
void notice_single(const struct image *image, uint16_t asked, const struct answer *answer);

#endif
