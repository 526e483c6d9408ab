/*
 * TCP and UDP of one server stay together: where a program's TCP socket was moved away from a port,
 * its UDP sockets of that port go along, and the other way round.
 *
 * The socket that is bound second is led there by its own bind (tcp.c, udp.c). A UDP socket that
 * was bound first is replaced by a fresh one under its descriptor when the TCP socket listens; the
 * descriptor's flags and the socket's options stay as they were, and epoll(7) watches the new one.
 * What cannot follow: other descriptors of the old socket (dup, a forked process).
 */
#ifndef STYXY_COMPANION_H
#define STYXY_COMPANION_H

#include "guest/calls/attempt.h"
#include "guest/calls/report_listen.h"

/* Whether the image has a place for the port already that its socket of the other protocol has. */
bool companion_is_moved(const struct attempt *attempt);

/* Remember a UDP socket that is bound where it was asked for. */
void companion_remember(const struct attempt *attempt);

/* Move what was bound at the port from which the TCP socket of this call, which listens, was moved. */
void companion_follow(const struct listen_call *call);

#endif
