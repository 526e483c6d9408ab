/* Which addresses concern Styxy: see address.h. */
#include "guest/kernel/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

const uint8_t ADDRESS_LOOPBACK[FAMILIES][16] = {
    [FAMILY_V4] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1},
    [FAMILY_V6] = {[15] = 1},
};

static const uint8_t V4_MAPPED[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 section 2.5.5.2 */

/* The kernel also takes a struct sockaddr_in6 without sin6_scope_id (RFC 2133). */
enum { SHORTEST_IN6 = offsetof(struct sockaddr_in6, sin6_scope_id) };

static bool is_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void read_v4(const void *address, struct target *target)
{
    struct sockaddr_in from;
    memcpy(&from, address, sizeof from);
    target->port = ntohs(from.sin_port);
    target->is_v4 = true;
    memcpy(target->address, V4_MAPPED, sizeof V4_MAPPED);
    memcpy(target->address + 12, &from.sin_addr, 4);
    target->is_wildcard = is_zero(target->address + 12, 4);
}

static void read_v6(const void *address, size_t length, struct target *target)
{
    struct sockaddr_in6 from = {.sin6_family = AF_INET6};
    memcpy(&from, address, length < sizeof from ? length : sizeof from);
    target->port = ntohs(from.sin6_port);
    target->scope = from.sin6_scope_id;
    memcpy(target->address, &from.sin6_addr, 16);
    target->is_v4 = memcmp(target->address, V4_MAPPED, sizeof V4_MAPPED) == 0;
    size_t start = target->is_v4 ? 12 : 0;
    target->is_wildcard = is_zero(target->address + start, 16 - start);
}

bool address_read(const void *address, size_t length, struct target *target)
{
    sa_family_t family;
    memcpy(&family, (const char *)address + offsetof(struct sockaddr, sa_family), sizeof family);
    *target = (struct target){.family = family};
    if (family == AF_INET && length >= sizeof(struct sockaddr_in))
        read_v4(address, target);
    else if (family == AF_INET6 && length >= SHORTEST_IN6)
        read_v6(address, length, target);
    return target->port >= ADDRESS_FIRST_PORT;
}

static bool is_loopback_v4(const struct target *target)
{
    return memcmp(target->address, ADDRESS_LOOPBACK[FAMILY_V4], 16) == 0;
}

static bool is_loopback_v6(const struct target *target)
{
    return memcmp(target->address, ADDRESS_LOOPBACK[FAMILY_V6], 16) == 0;
}

unsigned address_uncovered(const struct target *target, bool is_dual, bool shares)
{
    unsigned places = PLACE_ALL;
    if (shares)
        return places;
    if (is_loopback_v4(target) || (target->is_wildcard && (target->is_v4 || is_dual)))
        places &= ~(unsigned)PLACE_LOOPBACK_V4;
    if (is_loopback_v6(target) || (target->is_wildcard && !target->is_v4))
        places &= ~(unsigned)PLACE_LOOPBACK_V6;
    return places & ~(unsigned)PLACE_TARGET;
}

bool address_is_elsewhere(const struct target *target)
{
    return !target->is_wildcard && !is_loopback_v4(target) && !is_loopback_v6(target);
}

bool address_is_loopback(const struct target *target)
{
    return target->is_wildcard || is_loopback_v6(target) ||
           (target->is_v4 && target->address[12] == 127);
}

bool address_is_multicast(const struct target *target)
{
    return target->is_v4 ? target->address[12] >> 4 == 0xe : target->address[0] == 0xff;
}

socklen_t address_loopback(int domain, enum family family, uint16_t port,
                           struct sockaddr_storage *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memset(address, 0, sizeof *address);
    if (domain == AF_INET) {
        memcpy(&in.sin_addr, ADDRESS_LOOPBACK[FAMILY_V4] + 12, 4);
        memcpy(address, &in, sizeof in);
        return sizeof in;
    }
    memcpy(&in6.sin6_addr, ADDRESS_LOOPBACK[family], 16);
    memcpy(address, &in6, sizeof in6);
    return sizeof in6;
}

void address_with_port(const void *address, size_t length, uint16_t port,
                       struct sockaddr_storage *copy)
{
    /* sin_port and sin6_port are at the same offset. */
    uint16_t in_network_order = htons(port);
    memset(copy, 0, sizeof *copy);
    memcpy(copy, address, length < sizeof *copy ? length : sizeof *copy);
    memcpy((char *)copy + offsetof(struct sockaddr_in, sin_port), &in_network_order, 2);
}
