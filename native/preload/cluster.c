/* Node's cluster: see cluster.h. */
#include "preload/cluster.h"

#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <stdatomic.h>
#include <string.h>

enum { MOST_CHILDREN = 128, ENVIRON_LIMIT = 256 * 1024, CHUNK = 2048 };

static const char WORKER[] = "NODE_UNIQUE_ID=";
static atomic_bool is_known; /* once a primary, always one */

/* Whether the environment that a process was started with has the mark of a worker. */
static bool is_worker(uint64_t pid)
{
    char bytes[CHUNK] = {'\0'}; /* every variable follows a NUL, the first one too */
    size_t mark = sizeof WORKER - 1, used = 1, total = 0;
    bool found = false;
    struct text path = text_in(bytes, sizeof bytes);
    text_add(&path, "/proc/");
    text_number(&path, pid);
    text_add(&path, "/environ");
    int fd = text_end(&path) ? sys_open(bytes, O_RDONLY, 0) : -1;
    if (fd < 0)
        return false;
    bytes[0] = '\0';
    while (!found && total < ENVIRON_LIMIT) {
        ptrdiff_t got = sys_read(fd, bytes + used, sizeof bytes - used);
        if (got <= 0)
            break;
        used += (size_t)got;
        total += (size_t)got;
        for (size_t i = 0; !found && i + 1 + mark <= used; i++)
            found = bytes[i] == '\0' && memcmp(bytes + i + 1, WORKER, mark) == 0;
        /* Keep what may be the beginning of the mark. */
        size_t tail = used < mark ? used : mark;
        memmove(bytes, bytes + used - tail, tail);
        used = tail;
    }
    sys_close(fd);
    return found;
}

/* Read the pids of our children; Node starts its workers from the main thread. */
static size_t read_children(char *list, size_t room)
{
    struct text path = text_in(list, room);
    text_add(&path, "/proc/self/task/");
    text_number(&path, (uint64_t)sys_call(SYS_getpid));
    text_add(&path, "/children");
    int fd = text_end(&path) ? sys_open(list, O_RDONLY, 0) : -1;
    if (fd < 0)
        return 0;
    ptrdiff_t got = sys_read(fd, list, room);
    sys_close(fd);
    return got > 0 ? (size_t)got : 0;
}

bool cluster_is_primary(void)
{
    char list[CHUNK];
    if (atomic_load(&is_known))
        return true;
    size_t length = read_children(list, sizeof list);
    uint64_t pid = 0;
    for (size_t i = 0, seen = 0; i < length && seen < MOST_CHILDREN; i++) {
        if (list[i] >= '0' && list[i] <= '9') {
            pid = pid * 10 + (uint64_t)(list[i] - '0');
            continue;
        }
        if (pid != 0 && is_worker(pid)) {
            atomic_store(&is_known, true);
            return true;
        }
        pid = 0;
        seen++;
    }
    return false;
}
