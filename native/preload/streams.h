/* The standard streams of this program, as they are and as they were when it started. */
#ifndef STYXY_STREAMS_H
#define STYXY_STREAMS_H

#include "guest/image.h"

/* The file behind a descriptor, as it is now. */
struct stream streams_at(int fd);

#endif
