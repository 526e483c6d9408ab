/*
 * Which addresses concern Styxy, and how one is moved. Pure: no call leaves this file, and the
 * caller has checked that the address can be read.
 */
#ifndef STYXY_ADDRESS_H
#define STYXY_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { ADDRESS_FIRST_PORT = 1024 }; /* below it EACCES is no conflict (ip(7)) */

enum family { FAMILY_V4, FAMILY_V6, FAMILIES };

/* 127.0.0.1 and ::1, as struct target has addresses. */
extern const uint8_t ADDRESS_LOOPBACK[FAMILIES][16];

struct target {
    int family;          /* of the socket: AF_INET or AF_INET6 */
    uint16_t port;
    bool is_v4;          /* AF_INET, or v4-mapped on AF_INET6 */
    bool is_wildcard;
    uint8_t address[16]; /* as IPv6, v4-mapped for IPv4 */
    uint32_t scope;      /* the interface of a link-local address, else 0 */
};

/* Read an address that may be moved; false where it may not. */
bool address_read(const void *address, size_t length, struct target *target);

/* Where servers may listen that a client of localhost, or of the target, could reach. */
enum {
    PLACE_LOOPBACK_V4 = 1,
    PLACE_LOOPBACK_V6 = 2,
    PLACE_TARGET = 4,
    PLACE_ALL = 7,
};

/*
 * The places where the kernel would let another server listen beside ours on the same port; at the
 * others bind itself fails. `is_dual`: an IPv6 socket without IPV6_V6ONLY; `shares`: a socket with
 * SO_REUSEPORT, which may be beside another everywhere.
 */
unsigned address_uncovered(const struct target *target, bool is_dual, bool shares);

/* Whether the target is one address, and not a loopback one. */
bool address_is_elsewhere(const struct target *target);

/*
 * Whether a connection to the target ends on this machine: 127/8, ::1, and both wildcards, which
 * connect takes for loopback.
 */
bool address_is_loopback(const struct target *target);

bool address_is_multicast(const struct target *target);

/* Make a loopback address for a socket of the domain AF_INET or AF_INET6; return its length. */
socklen_t address_loopback(int domain, enum family family, uint16_t port,
                           struct sockaddr_storage *address);

/* Copy an address with another port in it. */
void address_with_port(const void *address, size_t length, uint16_t port,
                       struct sockaddr_storage *copy);

#endif
