/*
 * The one notification that the supervisor is working on, in memory that its standby shares.
 *
 * The kernel itself writes the id here when it delivers the notification, and takes the response
 * from here, so there is no moment at which killing the supervisor leaves a call that nobody knows
 * of. The kernel never delivers one twice.
 */
#ifndef STYXY_PENDING_CALL_H
#define STYXY_PENDING_CALL_H

#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { NOTIFICATION_SIZE = 256 }; /* the kernel's structures may grow: seccomp_unotify(2) */

struct pending_call {
    union {
        struct seccomp_notif notification;
        unsigned char notification_bytes[NOTIFICATION_SIZE];
    };
    union {
        struct seccomp_notif_resp response;
        unsigned char response_bytes[NOTIFICATION_SIZE];
    };
    _Atomic uint64_t decided_id; /* the id that `response` is for, whoever may send it */
    _Atomic uint64_t binding_id; /* the id for which a bind is being performed */
};

/* Map one that children share; NULL where there is no memory. */
struct pending_call *pending_call_create(void);

/* Take a notification that poll(2) has announced, without waiting; false where it is gone. */
bool pending_call_receive(struct pending_call *pending, int listener);

/* Decide what the call returns: this value or error, or whatever the kernel makes of it. */
void pending_call_set_result(struct pending_call *pending, long value, int error);
void pending_call_let_through(struct pending_call *pending);

/* Send what was decided and be free for the next; false where the caller is gone. */
bool pending_call_send(struct pending_call *pending, int listener);

/* Whether the caller still waits; if not, its pid may be another process's by now. */
bool pending_call_is_waiting(const struct pending_call *pending, int listener);

#endif
