/*
 * A bound socket whose port another one listens on by now: a fresh one in its place.
 *
 * The descriptor, its flags, its owner and the socket's options stay as they were. What cannot
 * follow: other descriptors of the old socket (dup, a forked process), and its registration with
 * epoll, which is of the socket and not of the number. Event loops register after listen().
 */
#ifndef STYXY_RELISTEN_H
#define STYXY_RELISTEN_H

#include "guest/image.h"

/* Ask for a place, and listen there under the same descriptor; false = nothing has changed. */
bool relisten(const struct image *image, int fd, int backlog);

#endif
