/* Whether the program's memory can be read: a bad pointer must get the kernel's EFAULT. */
#ifndef STYXY_READABLE_H
#define STYXY_READABLE_H

#include <stdbool.h>
#include <sys/socket.h>

/* Whether eight bytes can be read, without reading them. */
bool readable(const void *address);

/*
 * Whether an address of the program's that may be AF_INET or AF_INET6 can be read. The kernel takes
 * at most 128 bytes.
 */
bool readable_address(const void *address, socklen_t length);

/* The program runs in valgrind, which reports the call that is used elsewhere: use another one. */
void readable_in_valgrind(void);

#endif
