/*
 * The daemon's reply, as its bytes arrive (RFC 9112). Pure: what is not exactly what our daemon
 * sends is useless, and the agent never sees a byte of it.
 */
#ifndef STYXY_HOOK_REPLY_H
#define STYXY_HOOK_REPLY_H

#include <stddef.h>

enum {
    REPLY_HEAD = 16 * 1024,         /* bytes of status line and headers; ours has about 200 */
    REPLY_BODY = 1024 * 1024,       /* bytes of an answer; a rewritten command may be long */
    REPLY_ROOM = REPLY_HEAD + REPLY_BODY,
};

enum reply {
    REPLY_PARTIAL,  /* more is to come */
    REPLY_COMPLETE, /* 200, with a body of the length that it names */
    REPLY_USELESS,  /* another status, or not HTTP as we know it */
};

struct reply_body {
    const char *bytes;
    size_t length;
};

/* Judge the `used` bytes that have come so far; `body` is set where they are complete. */
enum reply reply_judge(const char *bytes, size_t used, struct reply_body *body);

#endif
