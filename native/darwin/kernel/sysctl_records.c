/* Taking apart what sysctl(3) gives: see sysctl_records.h. */
#include "darwin/kernel/sysctl_records.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    KIND_INPCB = 0x10, /* XSO_INPCB, XSO_TCPCB: bsd/sys/socketvar.h */
    KIND_TCPCB = 0x20,
    HEAD = 24, /* struct xinpgen, at both ends */

    INPCB_LEAST = 80, /* struct xinpcb_n, up to the addresses */
    PORT_AT = 18,
    NUMBER_AT = 28,
    FAMILIES_AT = 44, /* inp_vflag: INP_IPV4, INP_IPV6 */
    ADDRESS_AT = 64,

    TCPCB_LEAST = 40, /* struct xtcpcb_n, up to the state */
    STATE_AT = 36,
};

struct record {
    const unsigned char *bytes;
    uint32_t length, kind;
};

/* Step over a record, whose length is rounded up to eight bytes; false at the end of the list. */
static bool next_record(struct pcb_list *list, struct record *record)
{
    size_t left = list->length - list->at;
    if (list->at > list->length || left < sizeof(uint32_t) * 2)
        return false;
    record->bytes = list->bytes + list->at;
    memcpy(&record->length, record->bytes, sizeof record->length);
    memcpy(&record->kind, record->bytes + sizeof record->length, sizeof record->kind);
    if (record->length <= HEAD || record->length > left)
        return false;
    list->at += ((size_t)record->length + 7) / 8 * 8;
    return true;
}

static void read_inpcb(const struct record *record, struct pcb *found)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint16_t port;
    *found = (struct pcb){
        .is_v4 = (record->bytes[FAMILIES_AT] & 1) != 0,
        .is_v6 = (record->bytes[FAMILIES_AT] & 2) != 0,
    };
    memcpy(&port, record->bytes + PORT_AT, sizeof port);
    found->port = ntohs(port);
    memcpy(&found->number, record->bytes + NUMBER_AT, sizeof found->number);
    memcpy(found->address, record->bytes + ADDRESS_AT, sizeof found->address);
    if (!found->is_v6)
        memcpy(found->address, mapped, sizeof mapped);
}

bool pcb_list_next(struct pcb_list *list, struct pcb *found)
{
    struct record record;
    bool has_inpcb = false;
    if (list->at == 0) {
        uint32_t head = 0;
        if (list->length < HEAD)
            return false;
        memcpy(&head, list->bytes, sizeof head);
        list->at = ((size_t)head + 7) / 8 * 8;
    }
    while (next_record(list, &record)) {
        if (record.kind == KIND_INPCB && record.length >= INPCB_LEAST) {
            read_inpcb(&record, found);
            has_inpcb = true;
            if (list->is_udp)
                return true;
        } else if (record.kind == KIND_TCPCB && record.length >= TCPCB_LEAST && has_inpcb) {
            int32_t state;
            memcpy(&state, record.bytes + STATE_AT, sizeof state);
            found->state = state;
            return true;
        }
    }
    return false;
}

/* ---- the words of a process ---- */

/* The end of a word, behind its NUL; NULL where it has none. */
static const char *behind(const char *word, const char *end)
{
    const char *nul = word < end ? memchr(word, '\0', (size_t)(end - word)) : NULL;
    return nul != NULL ? nul + 1 : NULL;
}

bool process_words_find(const char *bytes, size_t length, struct process_words *words)
{
    const char *end = bytes + length;
    int count = 0;
    if (length < sizeof count)
        return false;
    memcpy(&count, bytes, sizeof count);
    const char *at = behind(bytes + sizeof count, end);
    while (at != NULL && at < end && *at == '\0')
        at++;
    words->arguments = at;
    for (int i = 0; i < count && at != NULL; i++)
        at = behind(at, end);
    if (at == NULL || count < 1)
        return false;
    words->arguments_length = (size_t)(at - words->arguments);
    words->environment = at;
    words->environment_length = (size_t)(end - at);
    return true;
}
