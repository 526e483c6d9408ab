/* The supervisor's work: one notification after the other, until the tree is gone. */
#ifndef STYXY_SERVE_H
#define STYXY_SERVE_H

#include "supervisor/call/pending_call.h"

#include <sys/types.h>

struct service {
    struct ledger *ledger;
    int listener;
    int signals;   /* a signalfd that has SIGCHLD */
    int front;     /* whom to tell of the program; -1 = nobody */
    pid_t program; /* 0 = not ours to wait for */
    pid_t keeper;
};

/* Work until the last program of the tree has ended. */
void serve(struct service *service);

/* Wait for the program alone: no filter came to be, so it runs without Styxy. */
void serve_without_calls(struct service *service);

#endif
