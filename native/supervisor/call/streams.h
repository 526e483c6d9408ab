/*
 * The program's own standard streams, for the one notice. The supervisor keeps none of its own
 * open, because a pipe that it held would not end with the program.
 */
#ifndef STYXY_STREAMS_H
#define STYXY_STREAMS_H

#include "supervisor/call/caller.h"

/* Remember which streams the tree was started with, before they are closed. */
void streams_start(void);

/* From here on the guest code's descriptors 1 and 2 are those of this caller. */
void streams_of(struct caller *caller);

/* Return what was borrowed for a notice. */
void streams_return(void);

#endif
