/*
 * Who calls: see caller.h.
 *
 * Theory of operation. An exec keeps pid and start time, and a pid can be another's a moment later.
 * Each image has 16 random bytes (AT_RANDOM), so they are copied together with the arguments of
 * each call, in one process_vm_readv: the same bytes mean the same image, and all that is known of
 * it holds. A new image costs some reads of /proc, a known one a microsecond.
 */
#include "supervisor/call/caller.h"

#include "supervisor/linux.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

enum { CALLERS = 256, AUXV_ROOM = 64 };

static struct caller callers[CALLERS]; /* by thread id; a newer one takes the place */
static bool has_thread_pidfds;

void callers_start(void)
{
    int fd = (int)sys_call(SYS_pidfd_open, getpid(), PIDFD_THREAD);
    has_thread_pidfds = fd >= 0;
    if (fd >= 0)
        sys_close(fd);
    for (int i = 0; i < CALLERS; i++)
        callers[i] = (struct caller){.pidfd = -1};
}

static void forget(struct caller *caller)
{
    if (caller->pidfd >= 0)
        sys_close(caller->pidfd);
    *caller = (struct caller){.pidfd = -1};
}

bool caller_read(const struct caller *caller, uint64_t address, void *copy, size_t length)
{
    struct iovec local = {copy, length};
    struct iovec remote = {(void *)(uintptr_t)address, length};
    return sys_call(SYS_process_vm_readv, caller->tid, &local, 1, &remote, 1, 0) == (long)length;
}

static int open_proc(int tid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", tid, name);
    return sys_open(path, O_RDONLY, 0);
}

static int thread_group_of(int tid)
{
    char text[1024];
    int fd = open_proc(tid, "status"), group = 0;
    if (fd < 0)
        return 0;
    ptrdiff_t got = sys_read(fd, text, sizeof text - 1);
    sys_close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *line = strstr(text, "\nTgid:");
    return line != NULL && sscanf(line, "\nTgid: %d", &group) == 1 ? group : 0;
}

static bool find_random(struct caller *caller)
{
    Elf64_auxv_t entries[AUXV_ROOM];
    int fd = open_proc(caller->tid, "auxv");
    if (fd < 0)
        return false;
    ptrdiff_t got = sys_read(fd, entries, sizeof entries);
    sys_close(fd);
    for (ptrdiff_t i = 0; i < got / (ptrdiff_t)sizeof *entries; i++) {
        if (entries[i].a_type == AT_SECURE && entries[i].a_un.a_val != 0)
            return false; /* setuid or the like: left alone */
        if (entries[i].a_type == AT_RANDOM)
            caller->random_at = entries[i].a_un.a_val;
    }
    return caller->random_at != 0 &&
           caller_read(caller, caller->random_at, caller->random, sizeof caller->random);
}

/* Learn who a caller is; false where it may not be read. */
static bool identify(struct caller *caller, int tid)
{
    forget(caller);
    caller->tid = tid;
    caller->pid = thread_group_of(tid);
    if (caller->pid == 0 || !find_random(caller)) {
        caller->tid = 0;
        return false;
    }
    caller->traced = traced_image_of(caller->pid, image_id_of(caller->random));
    return true;
}

/* Read arguments and image id in one call; false where it is another image, or unreadable. */
static bool read_both(const struct caller *caller, uint64_t address, void *copy, size_t length)
{
    uint8_t random[16];
    struct iovec local[2] = {{random, sizeof random}, {copy, length}};
    struct iovec remote[2] = {{(void *)(uintptr_t)caller->random_at, sizeof random},
                              {(void *)(uintptr_t)address, length}};
    int parts = length > 0 ? 2 : 1;
    long wanted = (long)(sizeof random + length);
    return sys_call(SYS_process_vm_readv, caller->tid, local, parts, remote, parts, 0) == wanted &&
           memcmp(random, caller->random, sizeof random) == 0;
}

struct caller *caller_find(int tid, uint64_t address, void *copy, size_t length)
{
    struct caller *caller = &callers[(unsigned)tid % CALLERS];
    if (tid <= 0)
        return NULL; /* in a pid namespace that we cannot see */
    /* The entry of an image that has not been used for long may be another's by now. */
    if (caller->tid == tid && read_both(caller, address, copy, length) &&
        caller->traced != NULL && caller->traced->image.image_id == image_id_of(caller->random))
        return caller;
    if (!identify(caller, tid) || (length > 0 && !caller_read(caller, address, copy, length)))
        return NULL;
    return caller;
}

/* Whether a duplicate is the thread's own file: it need not share its group's descriptors. */
static bool is_same_file(const struct caller *caller, int theirs, int ours)
{
    char path[64];
    struct statx here, there;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", caller->tid, theirs);
    return sys_status(ours, &here) && sys_status_at(path, &there) &&
           here.stx_ino == there.stx_ino && here.stx_dev_minor == there.stx_dev_minor;
}

static int take(struct caller *caller, int fd)
{
    if (caller->pidfd < 0) {
        int id = has_thread_pidfds ? caller->tid : caller->pid;
        unsigned flags = has_thread_pidfds ? PIDFD_THREAD : 0;
        caller->pidfd = sys_above_stdio((int)sys_call(SYS_pidfd_open, id, flags));
        caller->by_thread = has_thread_pidfds || caller->tid == caller->pid;
    }
    return (int)sys_call(SYS_pidfd_getfd, caller->pidfd, fd, 0);
}

int caller_descriptor(struct caller *caller, int fd)
{
    int ours = take(caller, fd);
    if (ours < 0 && errno == ESRCH) {
        /* The pidfd belongs to a process that had this id before. */
        sys_close(caller->pidfd);
        caller->pidfd = -1;
        ours = take(caller, fd);
    }
    ours = sys_above_stdio(ours);
    if (ours >= 0 && !caller->by_thread && !is_same_file(caller, fd, ours)) {
        sys_close(ours);
        return -1;
    }
    return ours;
}
