/* The address of a repo's remote `origin`: see origin.h. */
#include "guest/project/origin.h"

#include "guest/kernel/text.h"

#include <string.h>

struct span {
    const char *start;
    size_t length;
};

/* What Python's str.splitlines and str.strip take for a line end and for a blank, in ASCII. */
static const char LINE_ENDS[] = "\n\r\v\f\x1c\x1d\x1e", BLANKS[] = " \t\n\r\v\f\x1c\x1d\x1e\x1f";

static bool is_blank(char byte)
{
    return byte != '\0' && strchr(BLANKS, byte) != NULL;
}

static struct span stripped(struct span span)
{
    while (span.length > 0 && is_blank(span.start[0]))
        span.start++, span.length--;
    while (span.length > 0 && is_blank(span.start[span.length - 1]))
        span.length--;
    return span;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

static bool is_word(struct span span, const char *word)
{
    return span.length == strlen(word) && memcmp(span.start, word, span.length) == 0;
}

/* ---- the config ---- */

/* Whether a line that begins with "[" opens the section of the remote. */
static bool opens_origin(struct span line)
{
    while (line.length > 0 && line.start[line.length - 1] != ']')
        line.length--;
    if (line.length == 0)
        return false;
    line.length--;
    while (line.length > 0 && line.start[0] == '[')
        line.start++, line.length--;
    return is_word(stripped(line), "remote \"origin\"");
}

/* Whether a line says `url = ADDRESS`, and which. */
static bool is_url(struct span line, struct span *address)
{
    const char *equals = memchr(line.start, '=', line.length);
    if (equals == NULL)
        return false;
    struct span name = stripped((struct span){line.start, (size_t)(equals - line.start)});
    if (name.length != 3 || lower(name.start[0]) != 'u' || lower(name.start[1]) != 'r' ||
        lower(name.start[2]) != 'l')
        return false;
    size_t before = (size_t)(equals + 1 - line.start);
    *address = stripped((struct span){equals + 1, line.length - before});
    while (address->length > 0 && address->start[0] == '"')
        address->start++, address->length--;
    while (address->length > 0 && address->start[address->length - 1] == '"')
        address->length--;
    return true;
}

const char *origin_in_config(char *text, size_t length)
{
    const char *end = text + length;
    struct span address = {NULL, 0};
    bool in_origin = false;
    for (const char *line = text, *stop; line < end; line = stop + 1) {
        stop = line + strcspn(line, LINE_ENDS);
        struct span words = stripped((struct span){line, (size_t)(stop - line)});
        if (words.length > 0 && words.start[0] == '[')
            in_origin = opens_origin(words);
        else if (in_origin)
            is_url(words, &address);
    }
    if (address.start == NULL)
        return NULL;
    text[(size_t)(address.start - text) + address.length] = '\0';
    return address.start;
}

/* ---- the address ---- */

static bool is_letter(char byte)
{
    return lower(byte) >= 'a' && lower(byte) <= 'z';
}

/* What follows "scheme://", NULL where there is no scheme (RFC 3986 section 3.1). */
static const char *after_scheme(const char *address)
{
    size_t length = 0;
    while (is_letter(address[length]) ||
           (length > 0 && address[length] != '\0' &&
            strchr("0123456789+.-", address[length]) != NULL))
        length++;
    return length > 0 && strncmp(address + length, "://", 3) == 0 ? address + length + 3 : NULL;
}

static bool is_file_scheme(const char *address)
{
    static const char word[] = "file:";
    for (size_t i = 0; i < sizeof word - 1; i++)
        if (lower(address[i]) != word[i])
            return false;
    return true;
}

/* The colon of the form host:path, which has no slash before it. */
static const char *scp_colon(const char *address)
{
    const char *at = address;
    while (*at != '\0' && *at != '/' && *at != ':')
        at++;
    return *at == ':' && at > address ? at : NULL;
}

bool origin_is_local(const char *address, const char **path)
{
    const char *rest = after_scheme(address);
    *path = address;
    if (rest != NULL && is_file_scheme(address))
        *path = rest;
    return rest != NULL ? is_file_scheme(address) : scp_colon(address) == NULL;
}

/* Add a host without user, password and port, in lower case (RFC 3986 section 3.2.2). */
static void add_host(struct text *name, struct span authority)
{
    for (size_t i = authority.length; i > 0; i--)
        if (authority.start[i - 1] == '@') {
            authority.start += i, authority.length -= i;
            break;
        }
    /* An IPv6 address has colons of its own. */
    char last = authority.length > 0 && authority.start[0] == '[' ? ']' : ':';
    for (size_t i = 0; i < authority.length && authority.start[i] != last; i++)
        text_bytes(name, &(char){lower(authority.start[i])}, 1);
    if (last == ']')
        text_add(name, "]");
    text_add(name, "/");
}

/* Remove a last slash and ".git"; a path of nothing else stays. */
static void make_bare(struct text *name)
{
    size_t used = name->used;
    while (used > 0 && name->bytes[used - 1] == '/')
        used--;
    if (used >= 4 && memcmp(name->bytes + used - 4, ".git", 4) == 0)
        used -= 4;
    while (used > 0 && name->bytes[used - 1] == '/')
        used--;
    if (used > 0)
        name->used = used;
}

bool origin_name(const char *address, char *name, size_t room)
{
    struct text text = text_in(name, room);
    const char *rest = after_scheme(address), *colon = scp_colon(address), *path;
    if (origin_is_local(address, &path)) {
        text_add(&text, path);
    } else if (rest != NULL) {
        size_t length = strcspn(rest, "/");
        add_host(&text, (struct span){rest, length});
        text_add(&text, rest + length + strspn(rest + length, "/"));
    } else {
        add_host(&text, (struct span){address, (size_t)(colon - address)});
        text_add(&text, colon + 1 + strspn(colon + 1, "/"));
    }
    if (!text.cut)
        make_bare(&text);
    return text_end(&text);
}
