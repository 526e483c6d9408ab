/*
 * One request to the daemon: where its socket is, the payload out, the answer back, one deadline.
 */
#ifndef STYXY_HOOK_EXCHANGE_H
#define STYXY_HOOK_EXCHANGE_H

#include "hook/reply.h"
#include "hook/streams.h"

enum exchange {
    EXCHANGE_ANSWERED, /* with a body, which may be empty */
    EXCHANGE_NOBODY,   /* no daemon listens */
    EXCHANGE_FAILED,   /* it is another user's, says no, is late, or makes no sense */
};

/* What is asked: the agent, the event in the agent's own word, and what the agent wrote. */
struct hook_call {
    const char *agent;
    const char *event;
    struct payload payload;
};

/* POST /hooks/AGENT/EVENT; all of it until `deadline` (sys_now). */
enum exchange exchange_ask(const struct hook_call *call, uint64_t deadline,
                           struct reply_body *answer);

#endif
