/* The map that the supervisor holds open, beside what mapfile.h tells of it. */
#ifndef STYXY_MAPOPEN_H
#define STYXY_MAPOPEN_H

#include <stdint.h>

/* Which opening it is: another number, another file perhaps. */
uint64_t mapopen_number(void);

#endif
