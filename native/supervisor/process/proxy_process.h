/*
 * The proxy process: the process that whoever started `styxy run` knows. It stands in for the
 * program: forwards the signals that it gets, stops and continues with it, and ends as it ends.
 */
#ifndef STYXY_PROXY_PROCESS_H
#define STYXY_PROXY_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* What the supervisor reports of the program. */
struct program_state {
    int code; /* waitid's si_code and si_status */
    int status;
    bool is_last; /* it was the last of its tree, and the supervisor ends too */
};

struct proxy_process {
    pid_t program, supervisor;
    int states;  /* a socket by which the supervisor reports */
    int signals; /* a signalfd of all that can be blocked */
};

/* Stand in for the program until it ends; its exit status, if that was no signal. */
int proxy_process_run(struct proxy_process *proxy);

#endif
