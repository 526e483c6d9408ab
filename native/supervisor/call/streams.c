/*
 * Standard streams: see streams.h.
 *
 * What descriptor 1 was when the image started cannot be known later: a program may have closed it
 * and opened a file of data there. So a line goes only where it can do no harm: to what the whole
 * tree was started with, to a terminal, or to a pipe that was there at the image's first call.
 */
#include "supervisor/call/streams.h"

#include "guest/host.h"
#include "guest/kernel/sys.h"

#include <string.h>

static struct stream at_start[3];
static struct caller *lender;
static bool is_borrowed[3];

void streams_start(void)
{
    struct statx status;
    for (int fd = 1; fd <= 2; fd++)
        at_start[fd] = sys_status(fd, &status) ? image_stream_of(&status)
                                               : (struct stream){.open = false};
}

void streams_of(struct caller *caller)
{
    lender = caller;
}

void streams_return(void)
{
    for (int fd = 1; fd <= 2; fd++)
        if (is_borrowed[fd])
            sys_close(fd);
    memset(is_borrowed, 0, sizeof is_borrowed);
    lender = NULL;
}

static bool is_harmless(int fd, const struct statx *status, const struct stream *at_first_call)
{
    struct stream stream = image_stream_of(status);
    unsigned type = status->stx_mode & S_IFMT;
    return image_is_same_stream(&stream, &at_start[fd]) ||
           (image_is_same_stream(&stream, at_first_call) && (type == S_IFCHR || type == S_IFIFO));
}

/* The guest asks this before it writes, so here the program's stream is borrowed. */
bool host_has_stream(const struct image *image, int fd)
{
    struct statx status;
    int theirs = is_borrowed[fd] || lender == NULL ? -1 : caller_descriptor(lender, fd);
    if (theirs < 0)
        return is_borrowed[fd];
    if (sys_status(theirs, &status) && is_harmless(fd, &status, &image->standard[fd]))
        is_borrowed[fd] = sys_call(SYS_dup3, theirs, fd, O_CLOEXEC) == fd;
    sys_close(theirs);
    return is_borrowed[fd];
}

int host_open_stream(const struct image *image, int fd)
{
    (void)image, (void)fd;
    return -1; /* what the tree was started with is closed here */
}
