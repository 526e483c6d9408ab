/* Where a bind goes: spec 5.2, for each of the two protocols. */
#ifndef STYXY_SETTLE_H
#define STYXY_SETTLE_H

#include "guest/calls/attempt.h"

/* Do the host's bind, here or there; its result, with its errno. */
int settle_tcp(struct attempt *attempt);
int settle_udp(struct attempt *attempt);

#endif
