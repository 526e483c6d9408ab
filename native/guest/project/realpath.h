/*
 * The canonical form of a path, also of one that is not there: what does not exist is taken by its
 * name, as Python's os.path.realpath takes it. libc's realpath allocates.
 */
#ifndef STYXY_REALPATH_H
#define STYXY_REALPATH_H

#include "guest/image.h"

struct realpath_room {
    char rest[2 * IMAGE_PATH];
    char link[2 * IMAGE_PATH];
};

/* Write the canonical form of an absolute path, IMAGE_PATH bytes at most; `out` is not `path`.
   False where it is too long or its links have no end. */
bool realpath_of(const char *path, struct realpath_room *room, char *out);

#endif
