/* The map that the supervisor keeps open, beyond what host.h says of it. */
#ifndef STYXY_HOST_FILES_H
#define STYXY_HOST_FILES_H

#include <stdint.h>

/* Count how often a map was opened: another number, another file perhaps. */
uint64_t host_map_opening(void);

#endif
