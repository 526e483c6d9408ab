/*
 * The arguments and the environment that a process of this user was executed with, as sysctl(3)
 * gives them for KERN_PROCARGS2, and ps(1) shows them.
 */
#ifndef STYXY_PROCESS_WORDS_H
#define STYXY_PROCESS_WORDS_H

#include "darwin/kernel/sysctl_records.h"

/* Read them; false where the process is another user's, or gone. What is read is to be freed. */
bool process_words_read(int pid, struct process_words *words);
void process_words_free(const struct process_words *words);

#endif
