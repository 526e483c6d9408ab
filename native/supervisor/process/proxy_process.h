/*
 * The front: the process that whoever started `styxy run` knows. It stands for the program: hands
 * on the signals that it gets, stops and goes on with it, and ends as it ends.
 */
#ifndef STYXY_FRONT_H
#define STYXY_FRONT_H

#include <stdbool.h>
#include <sys/types.h>

/* What the supervisor says of the program. */
struct front_word {
    int code; /* waitid's si_code and si_status */
    int status;
    bool all; /* it was the last of its tree, and the supervisor ends too */
};

/* Whom it stands for, and between whom. */
struct front {
    pid_t program, supervisor;
    int words;   /* the supervisor's */
    int signals; /* a signalfd of all that can be blocked */
};

/* Stand for the program until it ends; its exit status, if that was no signal. */
int front_stand_for(struct front *front);

#endif
