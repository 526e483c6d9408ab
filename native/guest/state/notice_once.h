/*
 * Which moves the user has been told of, by this process or one that it shares with (kin.h): of
 * several workers of one server one prints the notice.
 */
#ifndef STYXY_TOLD_H
#define STYXY_TOLD_H

#include <stdbool.h>
#include <stdint.h>

/* Claim the telling of a move; true for the first of all that share. */
bool told_claim(uint16_t asked, uint16_t got, bool is_udp);

#endif
