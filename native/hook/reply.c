/* The daemon's reply: see reply.h. */
#include "hook/reply.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char STATUS[] = "HTTP/1.1 200 ";

enum { MOST_DIGITS = 9, LENGTH_UNKNOWN = -1, LENGTH_WRONG = -2 };

struct line {
    const char *start;
    size_t length;
};

/* Find the line that starts at `at`; false where no CRLF ends it before `end`. */
static bool find_line(const char *at, const char *end, struct line *line)
{
    const char *feed = memchr(at, '\n', (size_t)(end - at));
    if (feed == NULL || feed == at || feed[-1] != '\r')
        return false;
    *line = (struct line){at, (size_t)(feed - at) - 1};
    return true;
}

/* The value of a header field, without the blanks around it; false for another field. */
static bool find_field(struct line line, const char *name, struct line *value)
{
    size_t length = strlen(name);
    if (line.length <= length || line.start[length] != ':' ||
        strncasecmp(line.start, name, length) != 0)
        return false;
    const char *start = line.start + length + 1, *end = line.start + line.length;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (start < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *value = (struct line){start, (size_t)(end - start)};
    return true;
}

static long number_of(struct line digits)
{
    long number = 0;
    if (digits.length == 0 || digits.length > MOST_DIGITS)
        return LENGTH_WRONG;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.start[i] < '0' || digits.start[i] > '9')
            return LENGTH_WRONG;
        number = number * 10 + (digits.start[i] - '0');
    }
    return number;
}

/* The length of the body, from the header fields between `at` and the empty line before `end`. */
static long body_length(const char *at, const char *end)
{
    long length = LENGTH_UNKNOWN;
    struct line line, value;
    while (find_line(at, end, &line) && line.length > 0) {
        /* Only streams are chunked (RFC 9112, section 6.3): an answer with both is an attack. */
        if (memchr(line.start, ':', line.length) == NULL ||
            find_field(line, "transfer-encoding", &value))
            return LENGTH_WRONG;
        if (find_field(line, "content-length", &value)) {
            if (length != LENGTH_UNKNOWN)
                return LENGTH_WRONG;
            length = number_of(value);
        }
        at = line.start + line.length + 2;
    }
    /* A body that would end with the connection may have been cut off: nobody could tell. */
    return length >= 0 && length <= REPLY_BODY ? length : LENGTH_WRONG;
}

/* Find the end of the head, which is an empty line; NULL where it has not come. */
static const char *head_end(const char *bytes, size_t used)
{
    const char *at = bytes, *end = bytes + (used < REPLY_HEAD ? used : REPLY_HEAD);
    struct line line;
    while (find_line(at, end, &line)) {
        at = line.start + line.length + 2;
        if (line.length == 0)
            return at;
    }
    return NULL;
}

enum reply reply_judge(const char *bytes, size_t used, struct reply_body *body)
{
    size_t status = sizeof STATUS - 1;
    /* Judged before the head is complete, so that nobody is waited for who speaks no HTTP. */
    if (memcmp(bytes, STATUS, used < status ? used : status) != 0)
        return REPLY_USELESS;
    const char *end = head_end(bytes, used);
    if (end == NULL)
        return used < REPLY_HEAD ? REPLY_PARTIAL : REPLY_USELESS;
    struct line first;
    if (!find_line(bytes, end, &first))
        return REPLY_USELESS;
    long length = body_length(first.start + first.length + 2, end);
    size_t come = used - (size_t)(end - bytes);
    if (length < 0 || come > (size_t)length)
        return REPLY_USELESS;
    *body = (struct reply_body){end, (size_t)length};
    return come == (size_t)length ? REPLY_COMPLETE : REPLY_PARTIAL;
}
