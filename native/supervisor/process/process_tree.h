/* The supervisor's work: one notification after the other, until the tree is gone. */
#ifndef STYXY_PROCESS_TREE_H
#define STYXY_PROCESS_TREE_H

#include "supervisor/call/pending_call.h"

#include <sys/types.h>

/* The tree of programs that a supervisor serves. */
struct process_tree {
    struct pending_call *pending;
    int listener;
    int signals;   /* a signalfd that has SIGCHLD */
    int proxy;     /* the socket to report the program's state by; -1 = to nobody */
    pid_t program; /* 0 = not ours to wait for */
    pid_t standby;
};

/* Serve until the last program of the tree has ended. */
void process_tree_serve(struct process_tree *tree);

/* Wait for the program alone: there is no filter, so it runs without Styxy. */
void process_tree_wait(struct process_tree *tree);

#endif
