/*
 * The program's own sockets, as the library for macOS has them (guest/host.h): under the very
 * numbers. And whether a child is a worker of Node's cluster (preload/cluster.h), as its
 * environment says.
 */
#include "darwin/kernel/process_words.h"
#include "guest/host.h"
#include "guest/kernel/sys.h"
#include "preload/cluster.h"

#include <libproc.h>
#include <stdatomic.h>
#include <string.h>

enum { MOST_CHILDREN = 128 };

int host_socket_number(int fd)
{
    return fd;
}

int host_socket_open(int number)
{
    return number;
}

void host_socket_close(int fd)
{
    (void)fd; /* the program's */
}

/*
 * A kqueue(2) that watched the old file would watch the fresh one no more, and which ones did is
 * not to be had: nothing is replaced.
 */
bool host_socket_replace(int number, int fresh)
{
    (void)number;
    (void)fresh;
    return false;
}

static bool is_worker(int pid)
{
    static const char mark[] = "NODE_UNIQUE_ID=";
    struct process_words words;
    bool found = false;
    if (!process_words_read(pid, &words))
        return false;
    const char *end = words.environment + words.environment_length;
    for (const char *at = words.environment; at < end && !found;
         at += strnlen(at, (size_t)(end - at)) + 1)
        found = strncmp(at, mark, sizeof mark - 1) == 0;
    process_words_free(&words);
    return found;
}

bool cluster_is_primary(void)
{
    static atomic_bool is_known; /* once a primary, always one */
    int children[MOST_CHILDREN];
    if (atomic_load(&is_known))
        return true;
    int count = proc_listchildpids(getpid(), children, sizeof children);
    for (int i = 0; i < count && i < MOST_CHILDREN; i++)
        if (is_worker(children[i])) {
            atomic_store(&is_known, true);
            return true;
        }
    return false;
}
