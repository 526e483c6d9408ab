/*
 * The one-line protocol between the guest and the daemon, as format and parse; `styxy.core.wire` is
 * the daemon's side. Pure. What comes from the daemon is checked byte by byte, because parts of it
 * are printed on the program's terminal.
 */
#ifndef STYXY_WIRE_H
#define STYXY_WIRE_H

#include "guest/image.h"
#include "guest/kernel/address.h"

enum {
    WIRE_REQUEST = 8192, /* bytes, with the newline */
    WIRE_ANSWER = 512,   /* the longest answer that is read */
    WIRE_NAME = 64,
    WIRE_UNTIL = 6,   /* "14:03" and a NUL */
    WIRE_ERROR = 224, /* of a refusal, as much as is shown */
    WIRE_ALSO = 96,
    WIRE_TIME = 20, /* "2026-11-21 19:25:22" and a NUL */
};

enum reason {
    REASON_PROMISED, /* the map promises the port to another */
    REASON_INUSE,    /* the real bind said EADDRINUSE */
    REASON_SHADOWED, /* a stranger answers on that number where bind would not notice */
    REASON_PLACED,   /* the map has a place of this program for the port */
    REASON_RETURNED, /* the map remembers a place of this project for it */
    REASON_CHOSEN,   /* it listens here after VERDICT_TAKEN elsewhere: what is to be said? */
};

struct question {
    const struct target *target;
    bool is_udp;
    enum reason reason;
    uint16_t lost; /* the port that was answered last and whose bind failed; 0 = none */
    uint64_t image_id; /* of the program that asks */
    const char *project;
};

/* A socket that listens now, or, with UDP, is bound. */
struct listen_message {
    const struct target *target;
    bool is_udp;
    uint64_t cookie;
    const char *project;
    uint64_t repo;
    uint16_t asked; /* the number that this program bound; 0 = none, or it is not known */
};

enum verdict {
    VERDICT_KEEP,
    VERDICT_MOVE,
    VERDICT_SINGLE,
    VERDICT_TAKEN, /* EADDRINUSE stands: the program finds its own way */
    VERDICT_ERROR
};

/* Why a bind was moved. */
enum cause {
    CAUSE_IN_USE,   /* something listens on the port, or the daemon does not say */
    CAUSE_USED,     /* something of a known name listens on the port */
    CAUSE_PROMISED, /* it is on lease to somebody else */
    CAUSE_LEFT,     /* somebody else had it a moment ago, and may come back */
    CAUSE_TOOK,     /* the program found the port by itself */
    CAUSE_PROBES,   /* it is in use, and the program is known to try a port before it serves */
};

struct answer {
    enum verdict verdict;
    uint16_t port;
    bool is_new;                  /* the first answer for this program */
    uint32_t pid;                 /* of a singleton, 0 where unknown */
    enum cause cause;
    uint16_t asked;               /* with CAUSE_TOOK */
    bool is_used;                 /* with CAUSE_TOOK: `name` is who has the port, not who may */
    union {
        struct {
            char service_type[WIRE_NAME];
            char at[WIRE_TIME];     /* the daemon's local time */
            char name[WIRE_NAME];   /* of the project that has or had the port */
            char until[WIRE_UNTIL]; /* when it left, in the daemon's local time */
            union {
                char tool[WIRE_NAME]; /* with CAUSE_TOOK, and then `name` is "" if it was in use */
                char also[WIRE_ALSO]; /* else: what the notice of a move ends with */
            };
        };
        char error[WIRE_ERROR]; /* what a refusal or VERDICT_TAKEN says; "" = nothing */
    };
};

/* Format a question with its newline; its length, or 0 where it does not fit. */
size_t wire_question(const struct question *question, const struct image *image, char *line,
                     size_t room);

/* Format a datagram, without a newline; its length, or 0 where it does not fit. */
size_t wire_listen_message(const struct listen_message *message, const struct image *image,
                           char *line, size_t room);

/* Format the datagram that says: the program has read the name of its socket, moved to `port`. */
size_t wire_name_message(uint16_t port, const struct image *image, char *line, size_t room);

/* Parse a line without its newline; false where it is anything but an answer. */
bool wire_answer(const char *line, size_t length, struct answer *answer);

/*
 * Parse a line that may follow the answer of a move, and says why it was moved or what else the user
 * should know. The cause stays CAUSE_IN_USE where none says it, as from an older daemon, or one says
 * what we do not know, as from a newer one.
 */
void wire_more(const char *line, size_t length, struct answer *answer);

#endif
