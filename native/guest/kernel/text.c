/* Text in a buffer of fixed size: see text.h. */
#include "guest/kernel/text.h"

#include <string.h>

struct text text_in(char *bytes, size_t room)
{
    return (struct text){.bytes = bytes, .room = room};
}

void text_bytes(struct text *text, const char *bytes, size_t length)
{
    if (text->cut || length > text->room - text->used) {
        text->cut = true;
        return;
    }
    memcpy(text->bytes + text->used, bytes, length);
    text->used += length;
}

void text_add(struct text *text, const char *string)
{
    text_bytes(text, string, strlen(string));
}

void text_number(struct text *text, uint64_t number)
{
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    text_bytes(text, digits + first, sizeof digits - first);
}

void text_hex(struct text *text, uint64_t number, int digits)
{
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        text_bytes(text, &"0123456789abcdef"[(number >> shift) & 15], 1);
}

uint64_t text_hash(uint64_t hash, const char *string)
{
    for (const char *at = string; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t text_key(const char *kind, const char *text)
{
    uint64_t key = text_hash(text_hash(text_hash(TEXT_HASH, kind), ":"), text);
    return key != 0 ? key : 1;
}

bool text_end(struct text *text)
{
    text_bytes(text, "", 1);
    return !text->cut;
}

const char *text_copy(struct text *text, const char *string)
{
    const char *start = text->bytes + text->used;
    if (string == NULL || string[0] == '\0')
        return "";
    text_add(text, string);
    return text_end(text) ? start : "";
}
