/*
 * guest/kernel/diag.h on macOS: the kernel's list of sockets by sysctl(3). There is no lookup of
 * one socket, so each answer reads the list, and finds what the kernel would in it
 * (in_pcblookup_hash in bsd/netinet).
 */
#include "darwin/kernel/socket_facts.h"
#include "darwin/kernel/sysctl_records.h"
#include "guest/kernel/diag.h"
#include "guest/kernel/sys.h"

#include <limits.h>
#include <string.h>
#include <sys/sysctl.h>

enum {
    NO_DESCRIPTOR = INT_MAX, /* asking takes none: to close this number changes nothing */
    TCP_LISTEN = 1,          /* TSI_S_LISTEN */
    SPARE = 64 * 1024,       /* for the sockets that come while we ask: a hundred of them */
};

/* The number that guest/kernel/diag.h has, Linux's, for each state of macOS. */
static const uint8_t STATES[] = {DIAG_BOUND, DIAG_LISTEN, 2, 3, 1, 8, 4, 11, 9, 5, 6};

struct snapshot {
    struct pcb_list list;
    void *bytes;
    size_t room;
};

int diag_socket(void)
{
    return NO_DESCRIPTOR;
}

static bool take(struct snapshot *snapshot, bool is_udp)
{
    const char *name = is_udp ? "net.inet.udp.pcblist_n" : "net.inet.tcp.pcblist_n";
    size_t length = 0;
    if (sysctlbyname(name, NULL, &length, NULL, 0) != 0)
        return false;
    snapshot->room = length + SPARE;
    snapshot->bytes = sys_scratch(snapshot->room);
    if (snapshot->bytes == NULL)
        return false;
    length = snapshot->room;
    bool is_read = sysctlbyname(name, snapshot->bytes, &length, NULL, 0) == 0;
    snapshot->list = (struct pcb_list){
        .bytes = snapshot->bytes, .length = is_read ? length : 0, .is_udp = is_udp};
    if (!is_read)
        sys_scratch_free(snapshot->bytes, snapshot->room);
    return is_read;
}

static void drop(const struct snapshot *snapshot)
{
    sys_scratch_free(snapshot->bytes, snapshot->room);
}

static bool is_any_address(const struct pcb *pcb)
{
    static const uint8_t none[16];
    size_t start = pcb->is_v6 ? 0 : 12;
    return memcmp(pcb->address + start, none + start, 16 - start) == 0;
}

/* How well a listener fits an address: one at the address itself, at any, at any of IPv6's. */
static int fitness(const struct pcb *pcb, const uint8_t address[16], bool is_v4, uint16_t port)
{
    if (pcb->state != TCP_LISTEN || pcb->port != port || !(is_v4 ? pcb->is_v4 : pcb->is_v6))
        return 0;
    if (is_any_address(pcb))
        return is_v4 && pcb->is_v6 ? 1 : 2;
    return memcmp(pcb->address, address, 16) == 0 ? 3 : 0;
}

uint64_t diag_listener(int diag, const uint8_t address[16], bool is_v4, uint32_t scope,
                       uint16_t port)
{
    struct snapshot snapshot;
    struct pcb pcb;
    uint64_t cookie = 0;
    int best = 0;
    (void)diag;
    (void)scope; /* an address that only one interface has */
    if (!take(&snapshot, false))
        return 0;
    while (pcb_list_next(&snapshot.list, &pcb)) {
        int fits = fitness(&pcb, address, is_v4, port);
        if (fits > best) {
            best = fits;
            cookie = socket_cookie(pcb.number, false);
        }
    }
    drop(&snapshot);
    return cookie;
}

static bool is_asked_for(const struct pcb *pcb, const struct diag_query *query)
{
    bool is_known = pcb->state >= 0 && (size_t)pcb->state < sizeof STATES;
    uint32_t state = query->is_udp ? UINT32_MAX : is_known ? 1u << STATES[pcb->state] : 0;
    return pcb->port == query->port && pcb->is_v6 != query->is_v4 && (query->states & state) != 0;
}

bool diag_search(int diag, const struct diag_query *query, diag_visitor *visitor, void *visit)
{
    struct snapshot snapshot;
    struct pcb pcb;
    (void)diag;
    if (!take(&snapshot, query->is_udp))
        return false;
    while (pcb_list_next(&snapshot.list, &pcb))
        if (is_asked_for(&pcb, query))
            visitor(visit, socket_cookie(pcb.number, query->is_udp));
    drop(&snapshot);
    return true;
}

static void find_one(void *visit, uint64_t cookie)
{
    (void)cookie;
    *(bool *)visit = true;
}

bool diag_has(const struct diag_query *query)
{
    bool found = false;
    diag_search(NO_DESCRIPTOR, query, find_one, &found);
    return found;
}
