/* Reading the daemon's port map: see portmap.h. */
#include "guest/daemon/portmap.h"

#include "guest/image.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <stdatomic.h>
#include <string.h>

enum {
    /*
     * A write takes the daemon some microseconds, unless the scheduler takes its processor away: a
     * reader first yields, then sleeps, for 50 milliseconds in all: so long a busy machine may keep
     * the daemon waiting for its turn. Giving up sooner would send a connection to a stranger. If
     * the daemon died while writing, readers wait for that write once.
     */
    MOST_READS = 400,
    READS_AWAKE = 40,
    MOST_SLEEPS = 320,
    SLEEP_NS = 100 * 1000,
    /*
     * Steps along a chain: far more than a port has servers, and an end where the map has a loop.
     */
    MOST_STEPS = 512,
    GENERATION_AT = 16,
};

/* The records as they lie in the file. */
struct header {
    char magic[8];
    uint32_t version;
    uint32_t header_size;
    uint64_t generation;
    uint32_t retired;
    uint32_t daemon_pid;
    uint64_t netns_cookie;
    uint8_t reserved[24];
    char bind_socket[PORTMAP_SOCKET];
    char notify_socket[PORTMAP_SOCKET];
    uint32_t move_slots;
    uint32_t padding;
};

struct promise_record {
    uint64_t owner;
    uint16_t asked;
    uint16_t flags; /* bit 0: committed */
    uint32_t reserved;
};

struct answering_record {
    uint64_t project, repo, cookie;
    uint32_t flags; /* ANSWERING_ */
    uint32_t pid;
};

enum { ANSWERING_SHARED = 1, ANSWERING_PLACE = 2, ANSWERING_CONTAINER = 4 };

struct asker_record {
    uint64_t asker;
    uint16_t port, reserved;
    uint32_t next; /* 1 + the slot, 0 = the end */
};

struct move_record {
    uint64_t project, image_id, cookie_v4, cookie_v6, at;
    uint16_t asked, port, state, reserved;
    uint32_t next; /* 1 + the slot, 0 = the end */
    uint32_t padding[3];
};

_Static_assert(sizeof(struct header) == PORTMAP_HEAD_READ, "as the daemon writes it");
_Static_assert(sizeof(struct promise_record) == PORTMAP_PROMISE, "as the daemon writes it");
_Static_assert(sizeof(struct answering_record) == PORTMAP_ANSWERING, "as the daemon writes it");
_Static_assert(sizeof(struct asker_record) == PORTMAP_ASKER, "as the daemon writes it");
_Static_assert(sizeof(struct move_record) == PORTMAP_MOVE, "as the daemon writes it");

static bool is_path(const char *text)
{
    return text[0] == '/' && memchr(text, 0, PORTMAP_SOCKET) != NULL;
}

bool portmap_header(const unsigned char *bytes, size_t length, struct portmap *map)
{
    struct header header;
    if (length < sizeof header)
        return false;
    memcpy(&header, bytes, sizeof header);
    if (memcmp(header.magic, "STYXYMAP", 8) != 0 || header.header_size != PORTMAP_HEADER ||
        header.version != PORTMAP_VERSION || header.move_slots != PORTMAP_MOVE_SLOTS ||
        !is_path(header.bind_socket))
        return false;
    map->retired = header.retired != 0;
    map->netns = header.netns_cookie;
    memcpy(map->bind_socket, header.bind_socket, PORTMAP_SOCKET);
    memcpy(map->notify_socket, header.notify_socket, PORTMAP_SOCKET);
    if (!is_path(map->notify_socket))
        map->notify_socket[0] = '\0';
    return true;
}

/* ---- consistent readings ---- */

static bool read_at(const struct portmap *map, void *into, size_t length, long offset)
{
    return sys_pread(map->fd, into, length, offset) == (ptrdiff_t)length;
}

/*
 * Keep reads in their order. The kernel copies for us on this processor, so a fence orders its
 * reads, too. It guards no memory of ours, so the thread sanitizer, which does not know fences,
 * misses nothing.
 */
static void order_copies(void)
{
#ifndef __SANITIZE_THREAD__
    atomic_thread_fence(memory_order_acquire);
#endif
}

/* The generation at which a reading begins; false where the file cannot be read. */
static bool begin(const struct portmap *map, uint64_t *generation)
{
    bool read = read_at(map, generation, sizeof *generation, GENERATION_AT);
    order_copies();
    return read;
}

bool portmap_generation(const struct portmap *map, uint64_t *generation)
{
    return begin(map, generation) && *generation % 2 == 0;
}

static bool is_unchanged(const struct portmap *map, uint64_t generation)
{
    uint64_t now = 0;
    order_copies();
    return read_at(map, &now, sizeof now, GENERATION_AT) && now == generation;
}

typedef bool read_function(const struct portmap *map, void *into);

static PER_IMAGE _Atomic uint64_t abandoned; /* the generation that was waited for in vain */

/* Let the daemon finish writing; false where it does not. */
static bool wait_for_writer(uint64_t generation, int reads, int *sleeps)
{
    const struct timespec pause = {0, SLEEP_NS};
    if (generation == atomic_load(&abandoned))
        return false;
    if (generation % 2 == 0 || reads < READS_AWAKE) {
        sys_call(SYS_sched_yield);
        return true;
    }
    if (++*sleeps > MOST_SLEEPS) {
        atomic_store(&abandoned, generation);
        return false;
    }
    sys_call(SYS_nanosleep, &pause, NULL);
    return true;
}

/* Read until nobody wrote meanwhile; false where that does not come, or reading itself fails. */
static bool read_consistently(const struct portmap *map, read_function *function, void *into)
{
    int sleeps = 0;
    for (int reads = 0; reads < MOST_READS; reads++) {
        uint64_t generation;
        if (!begin(map, &generation))
            return false;
        if (generation % 2 == 0) {
            bool seen = function(map, into);
            if (is_unchanged(map, generation))
                return seen;
        }
        if (!wait_for_writer(generation, reads, &sleeps))
            return false;
    }
    return false;
}

struct promise_reading {
    uint16_t port;
    uint32_t first_move;
    struct promise_record record;
};

static bool read_first_move(const struct portmap *map, uint16_t port, uint32_t *first)
{
    return read_at(map, first, sizeof *first,
                   PORTMAP_FIRST_MOVES_AT + (long)port * PORTMAP_FIRST_MOVE);
}

static bool read_first_asker(const struct portmap *map, uint16_t port, uint32_t *first)
{
    return read_at(map, first, sizeof *first,
                   PORTMAP_FIRST_ASKERS_AT + (long)port * PORTMAP_FIRST_MOVE);
}

static bool read_promise(const struct portmap *map, void *into)
{
    struct promise_reading *mine = into;
    return read_first_move(map, mine->port, &mine->first_move) &&
           read_at(map, &mine->record, sizeof mine->record,
                   PORTMAP_PROMISES_AT + (long)mine->port * PORTMAP_PROMISE);
}

bool portmap_promise(const struct portmap *map, uint16_t port, struct promise *promise)
{
    struct promise_reading reading = {.port = port};
    *promise = (struct promise){.owner = 0};
    if (!read_consistently(map, read_promise, &reading))
        return false;
    *promise = (struct promise){
        .owner = reading.record.owner,
        .asked = reading.record.asked,
        .committed = (reading.record.flags & 1) != 0,
        .has_moves = reading.first_move != 0,
    };
    return true;
}

struct outlook_reading {
    uint16_t port;
    uint32_t first_move, first_asker;
    struct answering_record records[FAMILIES];
};

static bool read_outlook(const struct portmap *map, void *into)
{
    struct outlook_reading *mine = into;
    long port = mine->port;
    return read_first_move(map, mine->port, &mine->first_move) &&
           read_first_asker(map, mine->port, &mine->first_asker) &&
           read_at(map, &mine->records[FAMILY_V4], sizeof *mine->records,
                   PORTMAP_ANSWERING_V4_AT + port * PORTMAP_ANSWERING) &&
           read_at(map, &mine->records[FAMILY_V6], sizeof *mine->records,
                   PORTMAP_ANSWERING_V6_AT + port * PORTMAP_ANSWERING);
}

bool portmap_outlook(const struct portmap *map, uint16_t port, struct outlook *outlook)
{
    struct outlook_reading reading = {.port = port};
    *outlook = (struct outlook){.has_moves = false};
    if (!read_consistently(map, read_outlook, &reading))
        return false;
    outlook->has_moves = reading.first_move != 0;
    outlook->has_askers = reading.first_asker != 0;
    for (int family = 0; family < FAMILIES; family++) {
        const struct answering_record *record = &reading.records[family];
        outlook->answering[family] = (struct answering){
            .project = record->project,
            .repo = record->repo,
            .cookie = record->cookie,
            .shared = (record->flags & ANSWERING_SHARED) != 0,
            .is_place = (record->flags & ANSWERING_PLACE) != 0,
            .is_container = (record->flags & ANSWERING_CONTAINER) != 0,
        };
    }
    return true;
}

struct asker_reading {
    uint16_t port;
    uint64_t asker;
};

static bool find_asker(const struct portmap *map, void *into)
{
    const struct asker_reading *mine = into;
    uint32_t next = 0;
    if (!read_first_asker(map, mine->port, &next))
        return false;
    for (int i = 0; next != 0 && i < MOST_STEPS; i++) {
        struct asker_record record;
        if (next > PORTMAP_ASKER_SLOTS ||
            !read_at(map, &record, sizeof record, PORTMAP_ASKERS_AT + (next - 1L) * PORTMAP_ASKER))
            return false;
        if (record.asker == mine->asker && record.port == mine->port)
            return true;
        next = record.next;
    }
    return false;
}

bool portmap_was_asked(const struct portmap *map, uint16_t port, uint64_t asker)
{
    struct asker_reading reading = {.port = port, .asker = asker};
    return asker != 0 && read_consistently(map, find_asker, &reading);
}

void portmap_connect_first(const struct portmap *map, char names[PORTMAP_CONNECT_FIRST])
{
    /* It is written before the map is shown, and never changed. */
    if (!read_at(map, names, PORTMAP_CONNECT_FIRST, PORTMAP_CONNECT_FIRST_AT))
        names[0] = '\0';
    names[PORTMAP_CONNECT_FIRST - 1] = '\0';
}

struct moves_reading {
    uint16_t asked;
    uint64_t project;
    unsigned states;
    struct move *moves;
    size_t room, count;
};

static void keep_move(struct moves_reading *reading, const struct move_record *record)
{
    if (record->project != reading->project || record->asked != reading->asked ||
        record->port == 0 || record->state < MOVE_HELD || record->state > MOVE_UDP ||
        (reading->states & 1u << record->state) == 0)
        return;
    reading->moves[reading->count++] = (struct move){
        .image_id = record->image_id,
        .cookie = {record->cookie_v4, record->cookie_v6},
        .at = record->at,
        .port = record->port,
        .state = (enum move_state)record->state,
    };
}

static bool read_moves(const struct portmap *map, void *into)
{
    struct moves_reading *mine = into;
    uint32_t next = 0;
    mine->count = 0;
    if (!read_first_move(map, mine->asked, &next))
        return false;
    for (int i = 0; next != 0 && i < MOST_STEPS && mine->count < mine->room; i++) {
        struct move_record record;
        if (next > PORTMAP_MOVE_SLOTS ||
            !read_at(map, &record, sizeof record, PORTMAP_MOVES_AT + (next - 1L) * PORTMAP_MOVE))
            break;
        keep_move(mine, &record);
        next = record.next;
    }
    return true;
}

size_t portmap_moves(const struct portmap *map, uint16_t asked, uint64_t project, unsigned states,
                     struct move *moves, size_t room)
{
    struct moves_reading reading = {
        .asked = asked, .project = project, .states = states, .moves = moves, .room = room};
    return project != 0 && read_consistently(map, read_moves, &reading) ? reading.count : 0;
}
