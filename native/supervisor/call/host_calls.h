/*
 * What the shared code does to the program's socket, and what of it the kernel shall do itself:
 * `real_bind` and its like, as the supervisor has them (real.h).
 */
#ifndef STYXY_DEED_H
#define STYXY_DEED_H

#include "supervisor/call/caller.h"
#include "supervisor/call/pending_call.h"

#include <sys/socket.h>
#include <sys/uio.h>

enum { DEED_PARTS = 8, DEED_BYTES = 65536 };

/* One call that is performed for a program. */
struct deed {
    struct ledger *ledger;
    int listener;
    struct caller *caller;
    struct sockaddr_storage address; /* what the program asked for */
    socklen_t length;
    struct iovec parts[DEED_PARTS];  /* of what it sends, in its own memory */
    size_t part_count;
    bool is_left;                    /* the kernel is to do what was asked for */
};

/* Start: a clock that ends waiting. */
void deeds_start(void);

/* What the shared code calls works on this deed from here on. */
void deed_begin(struct deed *deed);

#endif
