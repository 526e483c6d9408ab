/*
 * Standard streams: see streams.h, and host.h for who asks.
 *
 * Theory of operation. A daemon puts /dev/null or a file in the place of its standard error before
 * it binds, and the user looks at the terminal or the pipe that it was started with. Nothing of
 * that is kept open: a pipe would not end with the program. But a terminal has a name, and whoever
 * started the program has the same stream as a rule. All this is looked for in the first minute of a
 * process: later the name may be another terminal's, which has got the number.
 */
#include "preload/streams.h"

#include "guest/host.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <string.h>
#include <sys/auxv.h>

enum {
    MOST_ANCESTORS = 4,
    YOUNG = 60,           /* seconds */
    FIRST_PTS_INODE = 3,  /* of /dev/pts/0: fs/devpts/inode.c */
    PATH_ROOM = 64,
    STAT_ROOM = 512,
    PARENT_FIELD = 4 - 3, /* of /proc/PID/stat, counted from behind the name: proc(5) */
    START_FIELD = 22 - 3,
};

struct stream streams_at(int fd)
{
    struct statx status;
    return sys_status(fd, &status) ? image_stream_of(&status) : (struct stream){.open = false};
}

bool host_has_stream(const struct image *image, int fd)
{
    struct stream now = streams_at(fd);
    return image_is_same_stream(&image->standard[fd], &now);
}

/* A field of /proc/PID/stat that is a number; 0 where it cannot be read. */
static uint64_t stat_field(const char *path, int field)
{
    char bytes[STAT_ROOM];
    uint64_t number = 0;
    int file = sys_open(path, O_RDONLY, 0);
    ptrdiff_t got = file < 0 ? 0 : sys_read(file, bytes, sizeof bytes - 1);
    if (file >= 0)
        sys_close(file);
    bytes[got > 0 ? got : 0] = '\0';
    const char *at = strrchr(bytes, ')'); /* the name may have spaces */
    for (int i = 0; at != NULL && i <= field; i++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        for (at++; *at >= '0' && *at <= '9'; at++)
            number = number * 10 + (uint64_t)(*at - '0');
    return number;
}

static bool is_young(void)
{
    uint64_t ticks = getauxval(AT_CLKTCK), start = stat_field("/proc/self/stat", START_FIELD);
    uint64_t now = (uint64_t)sys_time(CLOCK_BOOTTIME).tv_sec;
    return ticks != 0 && start != 0 && now < start / ticks + YOUNG;
}

/* Open a terminal or a pipe by a path, if that is where the stream leads. */
static int open_same(const char *path, const struct stream *stream)
{
    struct statx status;
    if (!sys_status_at(path, &status))
        return -1;
    struct stream there = image_stream_of(&status);
    unsigned type = status.stx_mode & S_IFMT;
    if (!image_is_same_stream(stream, &there) || (type != S_IFCHR && type != S_IFIFO))
        return -1;
    return sys_open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
}

static int open_terminal(const struct stream *stream)
{
    char path[PATH_ROOM];
    struct text text = text_in(path, sizeof path);
    if (stream->inode < FIRST_PTS_INODE)
        return -1;
    text_add(&text, "/dev/pts/");
    text_number(&text, stream->inode - FIRST_PTS_INODE);
    return text_end(&text) ? open_same(path, stream) : -1;
}

static void write_proc_path(char path[PATH_ROOM], uint64_t pid, const char *name)
{
    struct text text = text_in(path, PATH_ROOM);
    text_add(&text, "/proc/");
    text_number(&text, pid);
    text_add(&text, name);
    text_end(&text);
}

static int open_of_ancestor(const struct stream *stream)
{
    static const char *const names[] = {"/fd/2", "/fd/1"};
    char path[PATH_ROOM];
    uint64_t pid = (uint64_t)sys_call(SYS_getppid);
    for (int i = 0; i < MOST_ANCESTORS && pid > 1; i++) {
        for (int j = 0; j < 2; j++) {
            write_proc_path(path, pid, names[j]);
            int fd = open_same(path, stream);
            if (fd >= 0)
                return fd;
        }
        write_proc_path(path, pid, "/stat");
        pid = stat_field(path, PARENT_FIELD);
    }
    return -1;
}

/*
 * Duplicate the pipe that the program has put in the place of both streams, as a parent does that
 * passes on what its workers say (varnish, whose workers are another user and can open nothing).
 * One of the two alone may be for anything.
 */
static int duplicate_workers_pipe(void)
{
    struct statx one, other;
    if (!sys_status(1, &one) || !sys_status(2, &other) || (one.stx_mode & S_IFMT) != S_IFIFO)
        return -1;
    struct stream output = image_stream_of(&one), errors = image_stream_of(&other);
    if (!image_is_same_stream(&output, &errors))
        return -1;
    return (int)sys_call(SYS_fcntl, 2, F_DUPFD_CLOEXEC, 3);
}

int host_open_stream(const struct image *image, int fd)
{
    const struct stream *stream = &image->standard[fd];
    if (!stream->open || !is_young())
        return -1;
    int opened = open_terminal(stream);
    if (opened < 0)
        opened = open_of_ancestor(stream);
    return opened >= 0 ? opened : duplicate_workers_pipe();
}
