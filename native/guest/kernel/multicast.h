/* Whether a UDP socket has to do with multicast groups (ip(7), ipv6(7)). */
#ifndef STYXY_MULTICAST_H
#define STYXY_MULTICAST_H

#include <stdbool.h>

/* Whether a socket is in a group, or may be, or has an option for sending to groups. */
bool multicast_is_used(int fd);

#endif
