/* Which moves the user has been told of: see told.h. */
#include "guest/state/notice_once.h"

#include "guest/state/fork_shared.h"

bool told_claim(uint16_t asked, uint16_t got, bool is_udp)
{
    uint64_t move = UINT64_C(1) << 40 | (uint64_t)is_udp << 32 | (uint64_t)asked << 16 | got;
    _Atomic uint64_t *moves = kin_memory()->told;
    for (int i = 0; i < KIN_TOLD; i++) {
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&moves[i], &there, move))
            return true;
        if (there == move)
            return false;
    }
    return true; /* a program with so many moves is told of one twice rather than never */
}
