/*
 * Who reads the port of a moved socket: see socket_name.h.
 *
 * getsockname passes the filter. Go asks it about each connection that is accepted, and so do many
 * servers, and every one of these calls would wait for us. Two things stand for it. Go's library
 * reads the name of each socket that it listens on (net.Listen). And a program that closed what it
 * was given and listens on another port has decided against that port, whatever it went by. What is
 * missed is a static program, not of Go's, that compares and ends without a second socket.
 */
#include "supervisor/call/socket_name.h"

#include "guest/calls/report_listen.h"
#include "guest/image.h"
#include "guest/kernel/address.h"
#include "guest/kernel/sys.h"
#include "guest/state/memory.h"
#include "supervisor/traced_image/traced_image.h"

/* The port of a TCP socket that is ours to speak of; 0 = it is none. */
static uint16_t port_of(int fd)
{
    struct target target;
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    if (sys_call(SYS_getsockname, fd, &name, &length) != 0 || !address_read(&name, length, &target))
        return 0;
    return target.port;
}

void socket_name_before_listen(const struct image *image, int fd)
{
    int next = 0;
    uint16_t asked, got, port = memory_has_moves() ? port_of(fd) : 0;
    while (port != 0 && memory_next_move(&next, &asked, &got))
        if (got != port)
            report_name(image, fd, asked, got);
}

void socket_name_after_listen(const struct image *image, int fd)
{
    uint16_t port = memory_has_moves() ? port_of(fd) : 0;
    uint16_t asked = port != 0 ? memory_asked_for(port, false) : 0;
    if (asked != 0 && traced_image_kind(image->pid) == ELF_KIND_GO)
        report_name(image, fd, asked, port);
}
