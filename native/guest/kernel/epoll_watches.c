/* Who watches a descriptor: see epoll_watches.h. */
#include "guest/kernel/epoll_watches.h"

#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <string.h>

enum { PATH = 64, INFO = 64 * 1024, ENTRIES = 4096 };

struct search {
    char entries[ENTRIES]; /* first, where it is aligned */
    char info[INFO];
    int pid, number;
    struct epoll_watch *found;
    int count; /* EPOLL_UNKNOWN once something could not be read */
};

/* linux/dirent.h, which libc does not install. */
struct directory_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static void write_path(const struct search *search, const char *folder, const char *name,
                       char path[PATH])
{
    struct text text = text_in(path, PATH);
    text_add(&text, "/proc/");
    if (search->pid != 0)
        text_number(&text, (uint64_t)search->pid);
    else
        text_add(&text, "thread-self"); /* descriptors may be a thread's own */
    text_add(&text, folder);
    text_add(&text, name);
    if (!text_end(&text))
        path[0] = '\0';
}

static bool is_epoll(const struct search *search, const char *name)
{
    static const char kind[] = "anon_inode:[eventpoll]";
    char path[PATH], target[sizeof kind];
    write_path(search, "/fd/", name, path);
    long length = sys_call(SYS_readlinkat, AT_FDCWD, path, target, sizeof target);
    return length == (long)sizeof kind - 1 && memcmp(target, kind, sizeof kind - 1) == 0;
}

/* Read the number behind a word of a line; false where the line has no such word. */
static bool read_number(const char *line, const char *end, const char *word, unsigned base,
                        uint64_t *number)
{
    size_t length = strlen(word);
    *number = 0;
    while (line + length < end && memcmp(line, word, length) != 0)
        line++;
    if (line + length >= end)
        return false;
    for (line += length; line < end && *line == ' '; line++)
        continue;
    for (; line < end && *line != ' '; line++) {
        int digit = *line >= 'a' ? *line - 'a' + 10 : *line - '0';
        if (digit < 0 || digit >= (int)base)
            return false;
        *number = *number * base + (unsigned)digit;
    }
    return true;
}

/* Take a line "tfd: 7 events: 1d data: ff pos:0 ..." of an epoll descriptor. */
static void take_line(struct search *search, int epoll, const char *line, const char *end)
{
    uint64_t watched, events, data;
    if (!read_number(line, end, "tfd:", 10, &watched) || watched != (uint64_t)search->number ||
        search->count == EPOLL_UNKNOWN)
        return;
    if (search->count == EPOLL_WATCHES || !read_number(line, end, "events:", 16, &events) ||
        !read_number(line, end, "data:", 16, &data)) {
        search->count = EPOLL_UNKNOWN;
        return;
    }
    search->found[search->count++] =
        (struct epoll_watch){.epoll = epoll, .events = (uint32_t)events, .data = data};
}

static void look_into(struct search *search, const char *name)
{
    char path[PATH];
    size_t used = 0;
    ptrdiff_t got = 0;
    uint64_t epoll;
    write_path(search, "/fdinfo/", name, path);
    int file = sys_open(path, O_RDONLY, 0);
    while (file >= 0 && used < INFO && (got = sys_read(file, search->info + used, INFO - used)) > 0)
        used += (size_t)got;
    if (file >= 0)
        sys_close(file);
    if (file < 0 || got != 0 || !read_number(name, name + strlen(name), "", 10, &epoll)) {
        search->count = EPOLL_UNKNOWN;
        return;
    }
    for (const char *line = search->info, *all = line + used; line < all;) {
        const char *end = memchr(line, '\n', (size_t)(all - line));
        end = end != NULL ? end : all;
        take_line(search, (int)epoll, line, end);
        line = end + 1;
    }
}

static void look_through(struct search *search, int directory)
{
    long got;
    while ((got = sys_call(SYS_getdents64, directory, search->entries, ENTRIES)) > 0) {
        for (long at = 0; at < got;) {
            const struct directory_entry *entry = (const void *)(search->entries + at);
            if (is_epoll(search, entry->name))
                look_into(search, entry->name);
            at += entry->length;
        }
    }
    if (got < 0)
        search->count = EPOLL_UNKNOWN;
}

int epoll_watches_find(int pid, int number, struct epoll_watch found[EPOLL_WATCHES])
{
    char path[PATH];
    struct search *search = sys_scratch(sizeof *search);
    if (search == NULL)
        return EPOLL_UNKNOWN;
    search->pid = pid;
    search->number = number;
    search->found = found;
    write_path(search, "/fd", "", path);
    int directory = sys_open(path, O_RDONLY | O_DIRECTORY, 0);
    if (directory < 0)
        search->count = EPOLL_UNKNOWN;
    else
        look_through(search, directory);
    if (directory >= 0)
        sys_close(directory);
    int count = search->count;
    sys_scratch_free(search, sizeof *search);
    return count;
}
