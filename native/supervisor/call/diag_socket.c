/*
 * The door to sock_diag, as the supervisor has it: it stays open, for to open and close it costs
 * more than to ask. What a search that broke off has left in it is thrown away before the next one.
 */
#include "guest/kernel/diag.h"
#include "supervisor/linux.h"

static int kept = -1;

int door_open(void)
{
    unsigned char rest[4096];
    if (kept < 0)
        kept = door_make();
    while (kept >= 0 && sys_receive(kept, rest, sizeof rest) > 0)
        continue;
    return kept;
}

void door_close(int door)
{
    (void)door; /* the next question comes soon */
}
