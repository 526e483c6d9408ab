/* What becomes of one call: it is let through, or performed as the shared code decides. */
#ifndef STYXY_ANSWER_H
#define STYXY_ANSWER_H

#include "supervisor/call/pending_call.h"

/* Settle the call in hand. */
void answer_call(struct ledger *ledger, int listener);

#endif
