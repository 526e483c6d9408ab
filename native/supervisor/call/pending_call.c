/* The notification in hand: see ledger.h. */
#include "supervisor/call/pending_call.h"

#include "supervisor/linux.h"

#include <string.h>
#include <sys/mman.h>

struct ledger *ledger_make(void)
{
    struct seccomp_notif_sizes sizes;
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0 ||
        sizes.seccomp_notif > LEDGER_ROOM || sizes.seccomp_notif_resp > LEDGER_ROOM)
        return NULL;
    void *memory = mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

bool ledger_receive(struct ledger *ledger, int listener)
{
    /* The kernel insists on zeros (seccomp_unotify(2)). */
    memset(ledger->call_room, 0, sizeof ledger->call_room);
    memset(ledger->answer_room, 0, sizeof ledger->answer_room);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &ledger->call) == 0)
        return true;
    ledger->call.id = 0;
    return false;
}

static void settle(struct ledger *ledger, long value, int error, unsigned flags)
{
    ledger->answer.id = ledger->call.id;
    ledger->answer.val = value;
    ledger->answer.error = -error;
    ledger->answer.flags = flags;
    atomic_store(&ledger->settled, ledger->call.id);
}

void ledger_settle(struct ledger *ledger, long value, int error)
{
    settle(ledger, error == 0 ? value : 0, error, 0);
}

void ledger_let_through(struct ledger *ledger)
{
    settle(ledger, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

bool ledger_send(struct ledger *ledger, int listener)
{
    bool sent = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &ledger->answer) == 0;
    ledger->call.id = 0;
    atomic_store(&ledger->settled, 0);
    atomic_store(&ledger->binding, 0);
    return sent;
}

bool ledger_holds(const struct ledger *ledger, int listener)
{
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &ledger->call.id) == 0;
}
