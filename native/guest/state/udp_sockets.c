/* The UDP sockets at the ports that were asked for: see udp_sockets.h. */
#include "guest/state/udp_sockets.h"

#include "guest/image.h"

#include <stdatomic.h>

struct entry {
    _Atomic uint64_t cookie;
    _Atomic uint64_t place; /* used << 48 | port << 32 | number; 0 = empty */
};

static PER_IMAGE struct entry sockets[UDP_SOCKETS];
static PER_IMAGE atomic_uint next_socket;

static uint64_t place_of(uint16_t port, int number)
{
    return UINT64_C(1) << 48 | (uint64_t)port << 32 | (uint32_t)number;
}

void udp_sockets_add(const struct udp_socket *socket, uint16_t port)
{
    struct entry *entry = &sockets[atomic_fetch_add(&next_socket, 1) % UDP_SOCKETS];
    atomic_store(&entry->place, 0);
    atomic_store(&entry->cookie, socket->cookie);
    atomic_store(&entry->place, place_of(port, socket->number));
}

bool udp_sockets_take(uint16_t port, struct udp_socket *socket)
{
    for (int i = 0; i < UDP_SOCKETS; i++) {
        uint64_t place = atomic_load(&sockets[i].place);
        if (place >> 32 != (UINT64_C(1) << 16 | port))
            continue;
        socket->number = (int)(uint32_t)place;
        socket->cookie = atomic_load(&sockets[i].cookie);
        if (atomic_compare_exchange_strong(&sockets[i].place, &place, 0))
            return true;
    }
    return false;
}
