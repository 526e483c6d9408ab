/* Looks within a deadline: see bounded.h. */
#include "guest/kernel/bounded.h"

#include "guest/kernel/sys.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#ifndef SYS_close_range
#define SYS_close_range 436 /* close_range(2), Linux 5.9 */
#endif

enum {
    TABLE_ROOM = 256 * 1024, /* of the table of mounts; what lies beyond is not looked at */
    FUTEX_WAIT_SHARED = 0,   /* FUTEX_WAIT and FUTEX_WAKE of futex(2), between processes */
    FUTEX_WAKE_SHARED = 1,
    HEAD = 64, /* in front of a room */
};

static const uint64_t DEADLINE = 100 * 1000000u; /* nanoseconds; a bind may take 250 ms in all */
static const unsigned ONLY_CLONES = 0x80000000u; /* __WCLONE of wait4(2) */

static const char *const DEPENDENT[] = {"fuse", "nfs",    "cifs", "smb",    "9p",  "ceph",
                                        "afs",  "autofs", "coda", "lustre", "ocfs"};

enum outcome { PENDING, DONE, REFUSED };

struct head {
    _Atomic uint32_t outcome;
};

_Static_assert(sizeof(struct head) <= HEAD, "the head of a room has room");

static struct head *head_of(void *room)
{
    return (struct head *)((char *)room - HEAD);
}

static bool is_dependent(const char *type)
{
    for (size_t i = 0; i < sizeof DEPENDENT / sizeof *DEPENDENT; i++)
        if (strncmp(type, DEPENDENT[i], strlen(DEPENDENT[i])) == 0)
            return true;
    return false;
}

/* Undo the escapes of a mount's path: a backslash and three octal digits. */
static void unescape(char *text)
{
    char *out = text;
    for (; *text != '\0'; text++, out++) {
        *out = *text;
        if (text[0] == '\\' && text[1] != '\0' && text[2] != '\0' && text[3] != '\0') {
            *out = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
            text += 3;
        }
    }
    *out = '\0';
}

/* Whether a mount is the kernel's own, which answers by itself: fusectl, the automount of binfmt. */
static bool is_kernels_own(const char *place)
{
    return strncmp(place, "/proc/", 6) == 0 || strncmp(place, "/sys/", 5) == 0;
}

/*
 * Whether a line of the table is about a mount that depends on a server, on the way to `path` if it
 * is absolute; what a relative one leads to is not known.
 */
static bool concerns(char *line, const char *path)
{
    char *tail = strstr(line, " - ");
    for (int field = 0; field < 4 && line != NULL; field++) {
        line = strchr(line, ' ');
        line = line != NULL ? line + 1 : NULL;
    }
    char *end = line != NULL ? strchr(line, ' ') : NULL;
    if (tail == NULL || end == NULL || !is_dependent(tail + 3))
        return false;
    *end = '\0';
    unescape(line);
    size_t length = strlen(line);
    if (path[0] != '/')
        return length > 1 && !is_kernels_own(line);
    return length > 1 && strncmp(path, line, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

static bool any_concerns(char *table, const char *path)
{
    for (char *end; (end = strchr(table, '\n')) != NULL; table = end + 1) {
        *end = '\0';
        if (concerns(table, path))
            return true;
    }
    return false;
}

bool bounded_is_needed(const char *path)
{
    int fd = sys_open("/proc/self/mountinfo", O_RDONLY, 0);
    char *table = fd >= 0 ? sys_scratch(TABLE_ROOM) : NULL;
    size_t used = 0;
    bool found = false;
    if (table != NULL) {
        for (ptrdiff_t got = 1; got > 0 && used < TABLE_ROOM - 1; used += got > 0 ? (size_t)got : 0)
            got = sys_read(fd, table + used, TABLE_ROOM - 1 - used);
        found = any_concerns(table, path);
        sys_scratch_free(table, TABLE_ROOM);
    }
    if (fd >= 0)
        sys_close(fd);
    return found;
}

void *bounded_room(size_t length)
{
    char *room = mmap(NULL, HEAD + length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
    return room != MAP_FAILED ? room + HEAD : NULL;
}

void bounded_room_free(void *room, size_t length)
{
    munmap(head_of(room), HEAD + length);
}

/* Be the process that looks. All signals are blocked in it. */
static void look_and_end(void (*look)(void *room), void *room)
{
    struct head *head = head_of(room);
    /* Before Linux 5.9, and in some sandboxes, it would keep what the program has open. */
    bool has_let_go = sys_call(SYS_close_range, 0, ~0u, 0) == 0;
    if (has_let_go)
        look(room);
    atomic_store(&head->outcome, has_let_go ? DONE : REFUSED);
    sys_call(SYS_futex, &head->outcome, FUTEX_WAKE_SHARED, 1, NULL, NULL, 0);
    for (;;)
        sys_call(SYS_exit_group, 0);
}

static enum outcome wait_for(struct head *head)
{
    uint64_t until = sys_now() + DEADLINE, now;
    while (atomic_load(&head->outcome) == PENDING && (now = sys_now()) < until) {
        struct timespec rest = {.tv_nsec = (long)(until - now)};
        sys_call(SYS_futex, &head->outcome, FUTEX_WAIT_SHARED, PENDING, &rest, NULL, 0);
    }
    return (enum outcome)atomic_load(&head->outcome);
}

bool bounded_look(void (*look)(void *room), void *room)
{
    uint64_t all = ~UINT64_C(0), before = 0;
    if (sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof before) != 0)
        return false;
    /* Without a signal at its end, it is nobody's child but of those who ask for such (wait(2)). */
    long child = sys_call(SYS_clone, 0, NULL, NULL, NULL, 0);
    if (child == 0)
        look_and_end(look, room);
    sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    enum outcome outcome = child < 0 ? PENDING : wait_for(head_of(room));
    if (outcome == PENDING)
        return false;
    while (sys_call(SYS_wait4, child, NULL, ONLY_CLONES, NULL) < 0 && errno == EINTR)
        continue;
    return outcome == DONE;
}
