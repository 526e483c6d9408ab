/* Which moves the user has been told of: see told.h. */
#include "told.h"

#include "image.h"
#include "sys.h"

#include <stdatomic.h>
#include <sys/mman.h>

enum { MOVES = 256 };

/* Used where the page could not be made; then each process tells for itself. */
static PER_IMAGE _Atomic uint64_t of_this_process[MOVES];
static PER_IMAGE _Atomic uint64_t *moves = of_this_process;

void told_prepare(void)
{
    long page = syscall(SYS_mmap, NULL, sizeof of_this_process, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0L);
    if (page != -1)
        moves = (_Atomic uint64_t *)page; /* zeroes, which is how an atomic of ours begins */
}

bool told_claim(uint16_t asked, uint16_t got, bool is_udp)
{
    uint64_t move = UINT64_C(1) << 40 | (uint64_t)is_udp << 32 | (uint64_t)asked << 16 | got;
    for (int i = 0; i < MOVES; i++) {
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&moves[i], &there, move))
            return true;
        if (there == move)
            return false;
    }
    return true; /* a program with so many moves is told of one twice rather than never */
}
