/* What this server has bound: see memory.h. */
#include "guest/state/memory.h"

#include "guest/state/fork_shared.h"

#include <stdatomic.h>
#include <string.h>

enum {
    MOVES = 32,
    TEXT_WORDS = (WIRE_NAME + WIRE_TIME + 7) / 8,
};

/* Texts are kept word by word, each one atomic: a reader that meets a writer gets a mixture, finds
   the key changed, and throws it away. */
struct entry {
    _Atomic uint64_t key; /* used << 40 | udp << 32 | asked << 16 | got */
    _Atomic uint64_t words[TEXT_WORDS];
};

struct texts {
    char service_type[WIRE_NAME];
    char at[WIRE_TIME];
};

_Static_assert(sizeof(struct texts) <= TEXT_WORDS * 8, "the texts of an answer have room");

static PER_IMAGE struct entry moves[MOVES];
static PER_IMAGE atomic_uint next_move;

/* ---- sockets ---- */

/* As it stands in kin.h: used << 17 | udp << 16 | port. */
static uint32_t place_of(uint16_t port, bool is_udp)
{
    return UINT32_C(1) << 17 | (uint32_t)is_udp << 16 | port;
}

/* An entry that is free, else the oldest. */
static struct kin_socket *entry_for(struct kin *kin, uint64_t cookie)
{
    for (int i = 0; i < KIN_SOCKETS; i++) {
        uint64_t nobody = 0;
        if (atomic_compare_exchange_strong(&kin->sockets[i].cookie, &nobody, cookie))
            return &kin->sockets[i];
    }
    return &kin->sockets[atomic_fetch_add(&kin->next_socket, 1) % KIN_SOCKETS];
}

void memory_add_socket(uint64_t cookie, uint16_t port, bool is_udp)
{
    struct kin_socket *socket = entry_for(kin_memory(), cookie);
    atomic_store(&socket->cookie, cookie);
    atomic_store(&socket->place, place_of(port, is_udp));
}

static struct kin_socket *find_socket(uint64_t cookie)
{
    struct kin *kin = kin_memory();
    for (int i = 0; i < KIN_SOCKETS && cookie != 0; i++)
        if (atomic_load(&kin->sockets[i].cookie) == cookie)
            return &kin->sockets[i];
    return NULL;
}

void memory_drop_socket(uint64_t cookie)
{
    struct kin_socket *socket = find_socket(cookie);
    if (socket == NULL)
        return;
    atomic_store(&socket->place, 0);
    atomic_store(&socket->cookie, 0);
}

bool memory_has_socket(uint64_t cookie)
{
    return find_socket(cookie) != NULL;
}

bool memory_has_bound(uint16_t port, bool is_udp)
{
    struct kin *kin = kin_memory();
    for (int i = 0; i < KIN_SOCKETS; i++)
        if (atomic_load(&kin->sockets[i].place) == place_of(port, is_udp))
            return true;
    return false;
}

/* ---- moves ---- */

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
    struct texts texts;
    for (int i = 0; i < MOVES; i++)
        if (atomic_load(&moves[i].key) == key)
            return;
    memcpy(texts.service_type, answer->service_type, sizeof texts.service_type);
    memcpy(texts.at, answer->at, sizeof texts.at);
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

/* The entry whose answer was `got`; its key, too, for it may change at any moment. */
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
    return true;
}
