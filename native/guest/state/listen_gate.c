/* One at a time: see gate.h. */
#include "guest/state/listen_gate.h"

#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <sys/un.h>

enum {
    /* Whoever holds the gate makes one system call meanwhile; it may have lost its processor. */
    MOST_TRIES = 100,
    PAUSE_NS = 200 * 1000,
};

int gate_enter(uint64_t cookie)
{
    const struct timespec pause = {0, PAUSE_NS};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct text text = text_in(name.sun_path + 1, sizeof name.sun_path - 1);
    text_add(&text, "styxy/listen/");
    text_hex(&text, cookie, 16);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + text.used);
    int gate = sys_socket(AF_UNIX, SOCK_DGRAM, 0);
    for (int i = 0; gate >= 0 && i < MOST_TRIES; i++) {
        if (syscall(SYS_bind, gate, &name, length) == 0)
            return gate;
        if (errno != EADDRINUSE)
            break;
        syscall(SYS_nanosleep, &pause, NULL);
    }
    if (gate >= 0)
        sys_close(gate);
    return -1;
}

void gate_leave(int gate)
{
    if (gate >= 0)
        sys_close(gate);
}
