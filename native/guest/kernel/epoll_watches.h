/*
 * Which epoll(7) instances of a process watch one of its descriptors, as /proc says it: proc(5),
 * fdinfo. A file that takes the place of another is watched by none of them.
 */
#ifndef STYXY_EPOLL_WATCHES_H
#define STYXY_EPOLL_WATCHES_H

#include <stdint.h>

enum { EPOLL_WATCHES = 4, EPOLL_UNKNOWN = -1 };

struct epoll_watch {
    int epoll; /* a descriptor of that process */
    uint32_t events;
    uint64_t data;
};

/*
 * Find who watches the descriptor `number` of a process (0 = this one); return how many, or
 * EPOLL_UNKNOWN where /proc does not tell or there are more than fit. A search through all
 * descriptors, for the rare case.
 */
int epoll_watches_find(int pid, int number, struct epoll_watch found[EPOLL_WATCHES]);

#endif
