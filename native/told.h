/*
 * Which moves the user has been told of: one page that a program shares with its forked children,
 * so that of several workers of one server one prints the notice.
 *
 * It is made before the program runs, for servers fork first and bind then. It costs each program
 * two microseconds and, until something is moved, no memory.
 */
#ifndef STYXY_TOLD_H
#define STYXY_TOLD_H

#include <stdbool.h>
#include <stdint.h>

void told_prepare(void);

/* Claim the telling of a move; true for the first of all that share the page. */
bool told_claim(uint16_t asked, uint16_t got, bool is_udp);

#endif
