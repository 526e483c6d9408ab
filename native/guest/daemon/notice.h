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

/* The port stays taken, and the program cannot find another: `said` is the rest of the line. */
void notice_taken(const struct image *image, uint16_t asked, const char *said);

/* Why a conflict could not be settled, so that the program met it as without Styxy. */
enum unmoved {
    UNMOVED_NOT, /* it was settled, or there was none */
    UNMOVED_NO_DAEMON,
    UNMOVED_OTHER_NETWORK,
    UNMOVED_OTHER_USER,
    UNMOVED_SILENT,
    UNMOVED_GARBLED,
    UNMOVED_LOST,   /* others were faster at each port that the daemon named */
    UNMOVED_REFUSED /* the daemon says why, as a range is full */
};

/* `said` is what the daemon said, where it refused. */
void notice_unmoved(const struct image *image, uint16_t asked, enum unmoved why, const char *said);

/* A program that is started now has capabilities, with which neither host reaches it. */
void notice_out_of_reach(const struct image *image, const char *path);

#endif
