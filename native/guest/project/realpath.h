/*
 * The canonical form of a path, even of one that does not exist: the missing part is taken as it
 * is, like Python's os.path.realpath does. libc's realpath allocates.
 */
#ifndef STYXY_REALPATH_H
#define STYXY_REALPATH_H

#include "guest/image.h"

struct realpath_room {
    char rest[2 * IMAGE_PATH];
    char link[2 * IMAGE_PATH];
};

/*
 * Write the canonical form of an absolute path, at most IMAGE_PATH bytes; `out` is not `path`.
 * False where it is too long, or its links form a loop.
 */
bool realpath_of(const char *path, struct realpath_room *room, char *out);

#endif
