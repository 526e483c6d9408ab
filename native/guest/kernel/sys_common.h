/*
 * What the guest makes of the system's calls in the same way on every system. Each sys.h includes it,
 * once it has sys_open, sys_read, sys_close and sys_time.
 */
#ifndef STYXY_SYS_COMMON_H
#define STYXY_SYS_COMMON_H

/*
 * Read the beginning of a file, at most `room` bytes, and return their number; 0 where there is no
 * such file. Waits for no writer of a FIFO, and takes no terminal.
 */
static inline size_t sys_read_file(const char *path, char *into, size_t room)
{
    size_t used = 0;
    int fd = sys_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return 0;
    while (used < room) {
        ptrdiff_t got = sys_read(fd, into + used, room - used);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    sys_close(fd);
    return used;
}

/* Nanoseconds of CLOCK_MONOTONIC; 0 where there is no clock, and then every deadline has passed. */
static inline uint64_t sys_now(void)
{
    struct timespec now = sys_time(CLOCK_MONOTONIC);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/*
 * Memory for the time of one call, full of zeroes; NULL where there is none. Long texts go there:
 * the stack may be a small thread's or a signal handler's, and malloc belongs to the program. Not
 * for exec, which does not return: after vfork the parent would keep the memory.
 *
 * By libc's own calls, for once: thread sanitizer must see that the memory is new.
 */
static inline void *sys_scratch(size_t length)
{
    void *room = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return room != MAP_FAILED ? room : NULL;
}

static inline void sys_scratch_free(void *room, size_t length)
{
    munmap(room, length);
}

enum transport { TRANSPORT_OTHER, TRANSPORT_TCP, TRANSPORT_UDP };

#endif
