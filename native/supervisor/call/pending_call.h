/*
 * The one notification that the supervisor has in hand, in memory that its keeper shares.
 *
 * The kernel itself writes the id here when it delivers the notification, and takes the answer from
 * here, so that there is no moment at which a supervisor that is killed leaves a call that nobody
 * knows of. Delivered twice it never is.
 */
#ifndef STYXY_LEDGER_H
#define STYXY_LEDGER_H

#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { LEDGER_ROOM = 256 }; /* the kernel's structures may grow: seccomp_unotify(2) */

struct ledger {
    union {
        struct seccomp_notif call;
        unsigned char call_room[LEDGER_ROOM];
    };
    union {
        struct seccomp_notif_resp answer;
        unsigned char answer_room[LEDGER_ROOM];
    };
    _Atomic uint64_t settled; /* the id whose `answer` holds, whoever may send it */
    _Atomic uint64_t binding; /* the id for which a bind is being performed */
};

/* Make a ledger that children share; NULL where there is no memory. */
struct ledger *ledger_make(void);

/* Wait for nothing: take a notification that poll(2) has announced. False where it is gone. */
bool ledger_receive(struct ledger *ledger, int listener);

/* Note what the call's result will be: this value or error, or whatever the kernel says. */
void ledger_settle(struct ledger *ledger, long value, int error);
void ledger_let_through(struct ledger *ledger);

/* Send what was settled, and have the hand free again; false where the caller is gone. */
bool ledger_send(struct ledger *ledger, int listener);

/* Whether the caller still waits: if not, its pid may be another's by now. */
bool ledger_holds(const struct ledger *ledger, int listener);

#endif
