/*
 * Text in a buffer of fixed size, instead of stdio: no allocation, no locale, no lock. A text that
 * does not fit is marked as cut and must not be used.
 */
#ifndef STYXY_TEXT_H
#define STYXY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *bytes;
    size_t used;
    size_t room;
    bool cut;
};

struct text text_in(char *bytes, size_t room);
void text_bytes(struct text *text, const char *bytes, size_t length);
void text_add(struct text *text, const char *string);
void text_number(struct text *text, uint64_t number);
void text_hex(struct text *text, uint64_t number, int digits);

/* FNV-1a of a string (draft-eastlake-fnv), continuing from `hash`; TEXT_HASH is the first one. */
#define TEXT_HASH UINT64_C(0xcbf29ce484222325)
uint64_t text_hash(uint64_t hash, const char *string);

/* Name an owner or a repo: FNV-1a of "kind:text", never 0. */
uint64_t text_key(const char *kind, const char *text);

/* Add the NUL of a C string; false where the text was cut. */
bool text_end(struct text *text);

/* Add a whole C string, and return where it begins; "" where it is NULL or empty, or was cut. */
const char *text_copy(struct text *text, const char *string);

#endif
