/* The moves that this program knows of: see memory.h. */
#include "guest/state/memory.h"

#include <stdatomic.h>
#include <string.h>

enum {
    MOVES = 32,
    ANY_PORTS = 16,
    TEXT_WORDS = (2 * WIRE_NAME + WIRE_TIME + WIRE_UNTIL + WIRE_ALSO + 1 + 7) / 8,
};

/*
 * Texts are kept word by word, each one atomic: a reader that meets a writer gets a mixture, finds
 * the key changed, and throws the mixture away.
 */
struct entry {
    _Atomic uint64_t key; /* used << 40 | udp << 32 | asked << 16 | got */
    _Atomic uint64_t words[TEXT_WORDS];
};

struct texts {
    char service_type[WIRE_NAME];
    char at[WIRE_TIME];
    char name[WIRE_NAME];
    char until[WIRE_UNTIL];
    char also[WIRE_ALSO];
    uint8_t cause; /* enum cause */
};

_Static_assert(sizeof(struct texts) <= TEXT_WORDS * 8, "the texts of an answer have room");

static PER_IMAGE struct entry moves[MOVES];
static PER_IMAGE atomic_uint next_move;
static PER_IMAGE atomic_bool is_steered;
static PER_IMAGE _Atomic uint64_t any_ports[ANY_PORTS]; /* cookies */
static PER_IMAGE atomic_uint next_any_port;

static uint64_t key_of(uint16_t asked, uint16_t got, bool is_udp)
{
    return UINT64_C(1) << 40 | (uint64_t)is_udp << 32 | (uint64_t)asked << 16 | got;
}

static bool is_udp_of(uint64_t key)
{
    return (key >> 32 & 1) != 0;
}

static uint16_t asked_of(uint64_t key)
{
    return (uint16_t)(key >> 16);
}

void memory_add_move(uint16_t asked, bool is_udp, const struct answer *answer)
{
    uint64_t key = key_of(asked, answer->port, is_udp), words[TEXT_WORDS] = {0};
    enum cause cause = answer->cause == CAUSE_TOOK ? CAUSE_IN_USE : answer->cause;
    struct texts texts = {.cause = (uint8_t)cause};
    for (int i = 0; i < MOVES; i++)
        if (atomic_load(&moves[i].key) == key)
            return;
    memcpy(texts.service_type, answer->service_type, sizeof texts.service_type);
    memcpy(texts.at, answer->at, sizeof texts.at);
    memcpy(texts.name, answer->name, sizeof texts.name);
    memcpy(texts.until, answer->until, sizeof texts.until);
    if (answer->cause != CAUSE_TOOK)
        memcpy(texts.also, answer->also, sizeof texts.also);
    memcpy(words, &texts, sizeof texts);
    struct entry *entry = &moves[atomic_fetch_add(&next_move, 1) % MOVES];
    atomic_store(&entry->key, 0);
    for (int i = 0; i < TEXT_WORDS; i++)
        atomic_store(&entry->words[i], words[i]);
    atomic_store(&entry->key, key);
}

bool memory_was_moved(uint16_t asked, bool is_udp)
{
    for (int i = 0; i < MOVES; i++) {
        uint64_t key = atomic_load(&moves[i].key);
        if (key != 0 && asked_of(key) == asked && is_udp_of(key) == is_udp)
            return true;
    }
    return false;
}

bool memory_has_moves(void)
{
    return atomic_load(&next_move) != 0;
}

void memory_note_steered(void)
{
    atomic_store(&is_steered, true);
}

bool memory_is_steered(void)
{
    return atomic_load(&is_steered);
}

void memory_note_any_port(uint64_t cookie)
{
    atomic_store(&any_ports[atomic_fetch_add(&next_any_port, 1) % ANY_PORTS], cookie);
}

bool memory_has_any_port(uint64_t cookie)
{
    for (int i = 0; i < ANY_PORTS; i++)
        if (atomic_load(&any_ports[i]) == cookie)
            return true;
    return false;
}

/* Find the entry whose answer was `got`, and its key, which may change at any moment. */
static struct entry *entry_of(uint16_t got, bool is_udp, uint64_t *key)
{
    for (int i = 0; i < MOVES; i++) {
        *key = atomic_load(&moves[i].key);
        if (*key != 0 && (uint16_t)*key == got && asked_of(*key) != got &&
            is_udp_of(*key) == is_udp)
            return &moves[i];
    }
    return NULL;
}

uint16_t memory_asked_for(uint16_t got, bool is_udp)
{
    uint64_t key;
    return entry_of(got, is_udp, &key) != NULL ? asked_of(key) : 0;
}

bool memory_next_move(int *next, uint16_t *asked, uint16_t *got)
{
    while (*next < MOVES) {
        uint64_t key = atomic_load(&moves[(*next)++].key);
        *asked = asked_of(key);
        *got = (uint16_t)key;
        if (key != 0 && *asked != *got && !is_udp_of(key))
            return true;
    }
    return false;
}

bool memory_recall(uint16_t got, bool is_udp, struct answer *answer)
{
    uint64_t key, words[TEXT_WORDS];
    struct texts texts;
    struct entry *entry = entry_of(got, is_udp, &key);
    if (entry == NULL)
        return false;
    for (int i = 0; i < TEXT_WORDS; i++)
        words[i] = atomic_load(&entry->words[i]);
    if (atomic_load(&entry->key) != key)
        return false;
    memcpy(&texts, words, sizeof texts);
    *answer = (struct answer){.verdict = VERDICT_MOVE, .port = got};
    memcpy(answer->service_type, texts.service_type, sizeof texts.service_type);
    memcpy(answer->at, texts.at, sizeof texts.at);
    memcpy(answer->name, texts.name, sizeof texts.name);
    memcpy(answer->until, texts.until, sizeof texts.until);
    memcpy(answer->also, texts.also, sizeof texts.also);
    answer->cause = (enum cause)texts.cause;
    return true;
}
