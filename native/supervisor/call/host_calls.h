/*
 * The supervisor's real calls (host.h): what the guest's code does to a program's socket, and what
 * of it is left for the kernel to do.
 */
#ifndef STYXY_HOST_CALLS_H
#define STYXY_HOST_CALLS_H

#include "supervisor/call/caller.h"
#include "supervisor/call/pending_call.h"

#include <sys/socket.h>
#include <sys/uio.h>

enum { HOST_CALL_PARTS = 8, HOST_CALL_BYTES = 65536 };

/* One call that is performed for a program. */
struct host_call {
    struct pending_call *pending;
    int listener;
    struct caller *caller;
    struct sockaddr_storage address; /* what the program asked for */
    socklen_t length;
    struct iovec parts[HOST_CALL_PARTS]; /* of what it sends, in its own memory */
    size_t part_count;
    bool is_left; /* the kernel is to do what was asked for */
};

/* Start: set up the timer that ends waiting. */
void host_calls_start(void);

/* From here on the guest's code works on this call. */
void host_call_begin(struct host_call *call);
const struct host_call *host_call_current(void);

#endif
