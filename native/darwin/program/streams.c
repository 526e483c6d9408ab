/*
 * Standard streams: see preload/streams.h, and guest/host.h for who asks.
 *
 * Where a program has put something else in the place of its terminal, that is found by its name
 * (/dev/tty), as long as the program is of the same session. What the stream of another kind was is
 * not to be had on macOS, where no other process shows its descriptors as files.
 */
#include "guest/host.h"
#include "guest/kernel/sys.h"
#include "preload/streams.h"

enum { PATH_ROOM = 128 };

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

int host_open_stream(const struct image *image, int fd)
{
    char name[PATH_ROOM];
    struct statx status = {.stx_mode = 0};
    const struct stream *stream = &image->standard[fd];
    int opened = stream->open ? sys_open("/dev/tty", O_WRONLY | O_NONBLOCK | O_NOCTTY, 0) : -1;
    if (opened < 0)
        return -1;
    /* /dev/tty is a file of its own: ttyname(3) says which device it stands for. */
    bool is_known = ttyname_r(opened, name, sizeof name) == 0 && sys_status_at(name, &status);
    struct stream there = image_stream_of(&status);
    if (is_known && image_is_same_stream(stream, &there))
        return opened;
    sys_close(opened);
    return -1;
}
