/*
 * Standard streams: see streams.h.
 *
 * What descriptor 1 was when the image started cannot be known later: a program may have closed it
 * and opened a file of data there. So a line goes only to what it can do no harm to: what the whole
 * tree was started with, a terminal, or a pipe that was there at the image's first call.
 */
#include "supervisor/traced_image/streams.h"

#include "supervisor/linux.h"

#include <string.h>

static struct stream at_start[3];
static struct caller *speaker;
static bool borrowed[3];

static bool status_of(int fd, struct stream *stream, unsigned *type)
{
    struct statx status;
    if (!sys_status(fd, &status))
        return false;
    *type = status.stx_mode & S_IFMT;
    *stream = (struct stream){.open = true,
                              .device_major = status.stx_dev_major,
                              .device_minor = status.stx_dev_minor,
                              .inode = status.stx_ino};
    return true;
}

void streams_start(void)
{
    unsigned type;
    for (int fd = 1; fd <= 2; fd++)
        if (!status_of(fd, &at_start[fd], &type))
            at_start[fd] = (struct stream){.open = false};
}

void streams_of(struct caller *caller)
{
    speaker = caller;
}

void streams_return(void)
{
    for (int fd = 1; fd <= 2; fd++)
        if (borrowed[fd])
            sys_close(fd);
    memset(borrowed, 0, sizeof borrowed);
    speaker = NULL;
}

static bool is_same(const struct stream *one, const struct stream *other)
{
    return one->open && other->open && one->inode == other->inode &&
           one->device_major == other->device_major && one->device_minor == other->device_minor;
}

static bool is_harmless(int fd, const struct stream *stream, const struct stream *then,
                        unsigned type)
{
    return is_same(stream, &at_start[fd]) ||
           (is_same(stream, then) && (type == S_IFCHR || type == S_IFIFO));
}

/* The guest library's question, before it writes (image.h): the place to lend it the stream. */
bool image_has_stream(const struct image *image, int fd)
{
    struct stream now;
    unsigned type = 0;
    int theirs = borrowed[fd] || speaker == NULL ? -1 : caller_descriptor(speaker, fd);
    if (theirs < 0)
        return borrowed[fd];
    if (status_of(theirs, &now, &type) && is_harmless(fd, &now, &image->standard[fd], type))
        borrowed[fd] = syscall(SYS_dup3, theirs, fd, O_CLOEXEC) == fd;
    sys_close(theirs);
    return borrowed[fd];
}
