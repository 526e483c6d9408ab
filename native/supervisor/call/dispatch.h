/* What becomes of one call: let through, or performed as the guest's code decides. */
#ifndef STYXY_DISPATCH_H
#define STYXY_DISPATCH_H

#include "supervisor/call/pending_call.h"

/* Decide the pending call, and perform it where that is not left to the kernel. */
void dispatch_call(struct pending_call *pending, int listener);

#endif
