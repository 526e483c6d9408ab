/*
 * Listening elsewhere, when another socket listens on the port that this one is bound to: a fresh
 * socket takes its place under the same descriptor.
 *
 * The descriptor's flags, its owner and the socket's options stay as they were. What cannot follow:
 * other descriptors of the old socket (dup, a forked process), and its registration with epoll,
 * which belongs to the socket and not to the number. Event loops register after listen().
 */
#ifndef STYXY_RELISTEN_H
#define STYXY_RELISTEN_H

#include "guest/image.h"

/* Ask for a place and listen there; false = nothing has changed. */
bool relisten(const struct image *image, int fd, int backlog);

#endif
