/*
 * Who calls: the process of a notification, its memory and its descriptors.
 *
 * What is read may be another process's that was given the pid meanwhile: ask
 * `pending_call_is_waiting` after reading and before acting (seccomp_unotify(2)).
 */
#ifndef STYXY_CALLER_H
#define STYXY_CALLER_H

#include "supervisor/traced_image/traced_image.h"

struct caller {
    int tid;
    int pidfd;              /* -1 = not open yet */
    bool by_thread;         /* the pidfd is of the thread, whose descriptors may be its own */
    int pid;                /* of the thread group */
    uint64_t random_at;     /* AT_RANDOM: where the image's 16 bytes are */
    uint8_t random[16];
    struct traced_image *traced; /* NULL = let its calls through */
};

/* Start: find out once what the system offers. */
void callers_start(void);

/*
 * Find who calls, and copy `length` bytes of its memory in the same system call. NULL where that
 * cannot be read: let the call through.
 */
struct caller *caller_find(int tid, uint64_t address, void *copy, size_t length);

/* Copy more of its memory; false where any of it cannot be read. */
bool caller_read(const struct caller *caller, uint64_t address, void *copy, size_t length);

/* Duplicate one of its descriptors, close-on-exec and above 2; -1 where that is not possible. */
int caller_descriptor(struct caller *caller, int fd);

#endif
