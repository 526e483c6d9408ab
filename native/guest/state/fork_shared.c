/* What a program shares with its forked children: see fork_shared.h. */
#include "guest/state/fork_shared.h"

#include "guest/image.h"
#include "guest/kernel/sys.h"

#include <string.h>

static PER_IMAGE struct fork_shared of_this_process;
static PER_IMAGE _Atomic(struct fork_shared *) of_all; /* NULL = not mapped */

void fork_shared_prepare(void)
{
    struct fork_shared *nobody = NULL;
    if (atomic_load(&of_all) != NULL)
        return;
    long fresh = sys_call(SYS_mmap, NULL, sizeof of_this_process, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0L);
    if (fresh == -1)
        return;
    memcpy((void *)fresh, &of_this_process, sizeof of_this_process);
    if (!atomic_compare_exchange_strong(&of_all, &nobody, (struct fork_shared *)fresh))
        sys_call(SYS_munmap, fresh, sizeof of_this_process); /* another thread forks, too */
}

struct fork_shared *fork_shared_memory(void)
{
    struct fork_shared *shared = atomic_load(&of_all);
    return shared != NULL ? shared : &of_this_process;
}

/* Encode a protocol and a port as used << 17 | udp << 16 | port. */
static uint32_t place_of(uint16_t port, bool is_udp)
{
    return UINT32_C(1) << 17 | (uint32_t)is_udp << 16 | port;
}

/* Claim a free entry, or else the oldest one. */
static struct shared_socket *claim_entry(struct fork_shared *shared, uint64_t cookie)
{
    for (int i = 0; i < SHARED_SOCKETS; i++) {
        uint64_t nobody = 0;
        if (atomic_compare_exchange_strong(&shared->sockets[i].cookie, &nobody, cookie))
            return &shared->sockets[i];
    }
    return &shared->sockets[atomic_fetch_add(&shared->next_socket, 1) % SHARED_SOCKETS];
}

void fork_shared_add_socket(uint64_t cookie, uint16_t port, bool is_udp)
{
    struct shared_socket *socket = claim_entry(fork_shared_memory(), cookie);
    atomic_store(&socket->cookie, cookie);
    atomic_store(&socket->place, place_of(port, is_udp));
}

static struct shared_socket *find_socket(uint64_t cookie)
{
    struct fork_shared *shared = fork_shared_memory();
    for (int i = 0; i < SHARED_SOCKETS && cookie != 0; i++)
        if (atomic_load(&shared->sockets[i].cookie) == cookie)
            return &shared->sockets[i];
    return NULL;
}

void fork_shared_drop_socket(uint64_t cookie)
{
    struct shared_socket *socket = find_socket(cookie);
    if (socket == NULL)
        return;
    atomic_store(&socket->place, 0);
    atomic_store(&socket->cookie, 0);
}

bool fork_shared_has_socket(uint64_t cookie)
{
    return find_socket(cookie) != NULL;
}

bool fork_shared_has_bound(uint16_t port, bool is_udp)
{
    struct fork_shared *shared = fork_shared_memory();
    for (int i = 0; i < SHARED_SOCKETS; i++)
        if (atomic_load(&shared->sockets[i].place) == place_of(port, is_udp))
            return true;
    return false;
}
