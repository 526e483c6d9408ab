/* One notice for each move: see notice_once.h. */
#include "guest/state/notice_once.h"

#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"
#include "guest/state/fork_shared.h"

#include <sys/un.h>

enum {
    /* Whoever holds the gate makes one system call meanwhile; it may have lost its processor. */
    MOST_TRIES = 100,
    PAUSE_NS = 200 * 1000,
};

/* Claim what a key stands for; false where it is claimed, `otherwise` where there is no room. */
static bool claim(uint64_t key, bool otherwise)
{
    _Atomic uint64_t *claimed = fork_shared_memory()->notices;
    for (int i = 0; i < SHARED_NOTICES; i++) {
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&claimed[i], &there, key))
            return true;
        if (there == key)
            return false;
    }
    return otherwise;
}

bool notice_once_claim(uint16_t asked, uint16_t got, bool is_udp)
{
    uint64_t move = UINT64_C(1) << 40 | (uint64_t)is_udp << 32 | (uint64_t)asked << 16 | got;
    return claim(move, true); /* with so many, one notice too many is better than one too few */
}

bool notice_once_claim_name(uint16_t asked, uint16_t got)
{
    return claim(UINT64_C(1) << 41 | (uint64_t)asked << 16 | got, false);
}

bool notice_once_claim_probe(uint16_t asked, uint16_t got)
{
    return claim(UINT64_C(1) << 42 | (uint64_t)asked << 16 | got, false);
}

int listen_gate_enter(uint64_t cookie)
{
    const struct timespec pause = {0, PAUSE_NS};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct text text = text_in(name.sun_path + 1, sizeof name.sun_path - 1);
    text_add(&text, "styxy/listen/");
    text_hex(&text, cookie, 16);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + text.used);
    int gate = sys_socket(AF_UNIX, SOCK_DGRAM, 0);
    for (int i = 0; gate >= 0 && i < MOST_TRIES; i++) {
        if (sys_call(SYS_bind, gate, &name, length) == 0)
            return gate;
        if (errno != EADDRINUSE)
            break;
        sys_call(SYS_nanosleep, &pause, NULL);
    }
    if (gate >= 0)
        sys_close(gate);
    return -1;
}

void listen_gate_leave(int gate)
{
    if (gate >= 0)
        sys_close(gate);
}
