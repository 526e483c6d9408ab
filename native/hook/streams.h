/*
 * Standard input and output of a hook. Both belong to the agent, and may be closed, full or without
 * an end; they are left as they are (no O_NONBLOCK: the agent may have the same open file).
 */
#ifndef STYXY_HOOK_STREAMS_H
#define STYXY_HOOK_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stood on standard input. The memory is never given back: a hook ends soon. */
struct payload {
    const char *bytes;
    size_t length;
};

/*
 * Read standard input to its end, until `deadline` (sys_now). False where there is nothing to hand
 * over: it is closed, a terminal, empty, longer than 4 MiB, or has no end in time.
 */
bool streams_read(struct payload *payload, uint64_t deadline);

/* Print all of it; what the agent has not taken when the deadline passes is lost. */
void streams_print(const char *bytes, size_t length, uint64_t deadline);

#endif
