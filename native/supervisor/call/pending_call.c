/* The notification in hand: see pending_call.h. */
#include "supervisor/call/pending_call.h"

#include "supervisor/linux.h"

#include <string.h>
#include <sys/mman.h>

struct pending_call *pending_call_create(void)
{
    struct seccomp_notif_sizes sizes;
    if (sys_call(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0 ||
        sizes.seccomp_notif > NOTIFICATION_SIZE || sizes.seccomp_notif_resp > NOTIFICATION_SIZE)
        return NULL;
    void *memory = mmap(NULL, sizeof(struct pending_call), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

bool pending_call_receive(struct pending_call *pending, int listener)
{
    /* The kernel insists on zeroes (seccomp_unotify(2)). */
    memset(pending->notification_bytes, 0, sizeof pending->notification_bytes);
    memset(pending->response_bytes, 0, sizeof pending->response_bytes);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &pending->notification) == 0)
        return true;
    pending->notification.id = 0;
    return false;
}

static void decide(struct pending_call *pending, long value, int error, unsigned flags)
{
    pending->response.id = pending->notification.id;
    pending->response.val = value;
    pending->response.error = -error;
    pending->response.flags = flags;
    atomic_store(&pending->decided_id, pending->notification.id);
}

void pending_call_set_result(struct pending_call *pending, long value, int error)
{
    decide(pending, error == 0 ? value : 0, error, 0);
}

void pending_call_let_through(struct pending_call *pending)
{
    decide(pending, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

bool pending_call_send(struct pending_call *pending, int listener)
{
    bool sent = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &pending->response) == 0;
    pending->notification.id = 0;
    atomic_store(&pending->decided_id, 0);
    atomic_store(&pending->binding_id, 0);
    return sent;
}

bool pending_call_is_waiting(const struct pending_call *pending, int listener)
{
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &pending->notification.id) == 0;
}
