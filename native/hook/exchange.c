/* One request to the daemon: see exchange.h. */
#include "hook/exchange.h"

#include "guest/daemon/unix_stream.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"
#include "hook/daemon_socket.h"

#include <poll.h>

enum { REQUEST_HEAD = 512 };

/* struct ucred of unix(7), which glibc shows with _GNU_SOURCE only. */
struct peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/* Whether this user, or root, listens there: another user must not tell an agent what to do. */
static bool is_ours(int fd)
{
    struct peer peer = {.uid = (uid_t)-1};
    return sys_option(fd, SOL_SOCKET, SO_PEERCRED, &peer, sizeof peer) &&
           (peer.uid == (uid_t)sys_call(SYS_getuid) || peer.uid == 0);
}

static bool send_request(int fd, const struct hook_call *call, uint64_t deadline)
{
    char head[REQUEST_HEAD];
    struct text text = text_in(head, sizeof head);
    text_add(&text, "POST /hooks/");
    text_add(&text, call->agent);
    text_add(&text, "/");
    text_add(&text, call->event);
    text_add(&text, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    "Content-Type: application/json\r\nContent-Length: ");
    text_number(&text, call->payload.length);
    text_add(&text, "\r\n\r\n");
    return !text.cut && unix_stream_send(fd, head, text.used, deadline) &&
           unix_stream_send(fd, call->payload.bytes, call->payload.length, deadline);
}

static bool receive_answer(int fd, uint64_t deadline, struct reply_body *answer)
{
    char *room = sys_scratch(REPLY_ROOM);
    size_t used = 0;
    enum reply reply = REPLY_PARTIAL;
    while (room != NULL && reply == REPLY_PARTIAL && used < REPLY_ROOM) {
        ptrdiff_t got = sys_receive(fd, room + used, REPLY_ROOM - used);
        if (got == 0)
            return false;
        if (got > 0) {
            used += (size_t)got;
            reply = reply_judge(room, used, answer);
        } else if ((errno != EAGAIN && errno != EINTR) ||
                   !unix_stream_wait(fd, POLLIN, deadline)) {
            return false;
        }
    }
    return reply == REPLY_COMPLETE;
}

enum exchange exchange_ask(const struct hook_call *call, uint64_t deadline,
                           struct reply_body *answer)
{
    char path[DAEMON_SOCKET_PATH];
    if (!daemon_socket(path, sizeof path))
        return EXCHANGE_NOBODY;
    int fd = unix_stream_socket();
    if (fd < 0)
        return EXCHANGE_FAILED;
    enum exchange outcome = EXCHANGE_FAILED;
    if (!unix_stream_connect(fd, path, deadline)) {
        if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
            outcome = EXCHANGE_NOBODY; /* the file is stale, or there is no daemon at all */
    } else if (is_ours(fd) && send_request(fd, call, deadline) &&
               receive_answer(fd, deadline, answer)) {
        outcome = EXCHANGE_ANSWERED;
    }
    sys_close(fd);
    return outcome;
}
