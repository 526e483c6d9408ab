/*
 * Whether a program has read where its socket was moved, as far as a supervisor can tell. The
 * daemon learns from it which programs compare (report_listen.h).
 */
#ifndef STYXY_SOCKET_NAME_H
#define STYXY_SOCKET_NAME_H

struct image;

/* A TCP socket is about to listen; and it listens. `fd` is a duplicate. Both change errno. */
void socket_name_before_listen(const struct image *image, int fd);
void socket_name_after_listen(const struct image *image, int fd);

#endif
