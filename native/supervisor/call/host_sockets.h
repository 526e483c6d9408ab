/* The program's sockets, beyond what host.h says of them. */
#ifndef STYXY_HOST_SOCKETS_H
#define STYXY_HOST_SOCKETS_H

#include "supervisor/call/host_calls.h"

/* Put a file of ours under a number of the program, with the flags of what it has there. */
bool host_sockets_put(const struct host_call *call, int number, int fd);

#endif
