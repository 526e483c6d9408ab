/* What is to be known of a socket: see socket_facts.h. */
#include "darwin/kernel/socket_facts.h"

#include <libproc.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

uint64_t socket_cookie(uint64_t number, bool is_udp)
{
    return number << 1 | is_udp;
}

/* Closed and listening sockets are not connected: those are the first two states. */
static void read_protocol(const struct socket_info *info, struct socket_facts *facts)
{
    if (info->soi_kind == SOCKINFO_TCP) {
        const struct tcp_sockinfo *tcp = &info->soi_proto.pri_tcp;
        facts->cookie = socket_cookie(tcp->tcpsi_ini.insi_gencnt, false);
        facts->is_connected = tcp->tcpsi_state > TSI_S_LISTEN;
    } else if (info->soi_kind == SOCKINFO_IN && info->soi_protocol == IPPROTO_UDP) {
        facts->cookie = socket_cookie(info->soi_proto.pri_in.insi_gencnt, true);
    }
}

bool socket_facts(int fd, struct socket_facts *facts)
{
    struct socket_fdinfo found;
    int size = proc_pidfdinfo(getpid(), fd, PROC_PIDFDSOCKETINFO, &found, sizeof found);
    if (size != (int)sizeof found)
        return false;
    *facts = (struct socket_facts){
        .domain = found.psi.soi_family,
        .type = found.psi.soi_type,
        .protocol = found.psi.soi_protocol,
    };
    read_protocol(&found.psi, facts);
    return true;
}

/* Who is at the other end of a Unix socket: getpeereid(3), and LOCAL_PEERPID of unix(4). */
static bool read_peer(int fd, void *value)
{
    struct {
        pid_t pid;
        uid_t uid;
        gid_t gid;
    } peer;
    socklen_t length = sizeof peer.pid;
    if (getpeereid(fd, &peer.uid, &peer.gid) != 0)
        return false;
    if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &peer.pid, &length) != 0)
        peer.pid = 0;
    memcpy(value, &peer, sizeof peer);
    return true;
}

bool socket_fact(int fd, int name, void *value)
{
    struct socket_facts facts;
    if (name == SO_PEERCRED)
        return read_peer(fd, value);
    if (name == SO_NETNS_COOKIE || !socket_facts(fd, &facts))
        return false;
    if (name == SO_COOKIE) {
        memcpy(value, &facts.cookie, sizeof facts.cookie);
        return facts.cookie != 0;
    }
    int number = name == SO_DOMAIN ? facts.domain : facts.protocol;
    memcpy(value, &number, sizeof number);
    return true;
}

void socket_keep_quiet(int fd)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
}
