"""The map's sections, full of garbage, and changed at every moment under the reader.

Under the sanitizers: what is read must lie in bounds, every chain must end, and nothing that a
writer has half written may be returned.
"""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from styxy.adapters.portmap import map as portmap
from styxy.core.model.ports import Port
from tests.native.clients import cookie_of, key_text, port_of, project, server
from tests.native.guest import FakeDaemon, linked, run
from tests.native.host_programs import host
from tests.native.mapfile import key

READER = r"""
#define _GNU_SOURCE
#include "guest/daemon/portmap.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PORTS = 64, ASKED = 4, ROOM = 5 };

static uint64_t state;
static uint32_t random_below(uint32_t limit)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* xorshift64 */
    return (uint32_t)(state >> 32) % limit;
}

static unsigned char *bytes;
static struct portmap map;

static void put(long at, const void *from, size_t length) { memcpy(bytes + at, from, length); }

static void put_u32(long at, uint32_t value) { put(at, &value, sizeof value); }

static void require(int good, const char *what)
{
    if (!good) {
        printf("%s\n", what);
        abort();
    }
}

static uint32_t garbage_index(void)
{
    switch (random_below(8)) {
    case 0: return 0;
    case 1: return PORTMAP_MOVE_SLOTS + 1 + random_below(3);
    case 2: return UINT32_MAX - random_below(3);
    case 3: return PORTMAP_MOVE_SLOTS;
    default: return 1 + random_below(PORTS); /* cycles and shared tails */
    }
}

static void spoil(void)
{
    for (int i = 0; i < 40; i++) {
        uint32_t slot = random_below(PORTS), port = random_below(ASKED);
        struct { uint64_t words[5]; uint16_t asked, port, state, reserved; uint32_t next, rest[3]; }
            record = {{1 + random_below(2), random_below(3), random_below(3), random_below(3), 0},
                      (uint16_t)random_below(ASKED), (uint16_t)random_below(3),
                      (uint16_t)random_below(6), 0, garbage_index(), {0}};
        put(PORTMAP_MOVES_AT + slot * PORTMAP_MOVE, &record, sizeof record);
        put_u32(PORTMAP_FIRST_MOVES_AT + port * PORTMAP_FIRST_MOVE, garbage_index());
        put_u32(PORTMAP_PROMISES_AT + port * PORTMAP_PROMISE, random_below(UINT32_MAX));
        put_u32(PORTMAP_ANSWERING_V6_AT + port * PORTMAP_ANSWERING, random_below(UINT32_MAX));
    }
    put_u32(16, random_below(16) == 0 ? 1 : 2 + 2 * random_below(9));
}

static void read_garbage(long rounds)
{
    long found = 0;
    while (rounds-- > 0) {
        struct move moves[ROOM];
        struct promise promise;
        struct outlook outlook;
        uint16_t port = (uint16_t)random_below(ASKED);
        unsigned states = random_below(16);
        if (rounds % 8 == 0)
            spoil();
        size_t room = random_below(ROOM + 1);
        size_t count = portmap_moves(&map, port, 1 + random_below(2), states, moves, room);
        require(count <= room, "more than there is room for");
        for (size_t i = 0; i < count; i++) {
            require((states >> moves[i].state & 1) != 0, "a state that was not asked for");
            require(moves[i].port != 0, "port 0");
        }
        found += (long)count;
        bool odd = bytes[16] % 2 != 0;
        require(portmap_promise(&map, port, &promise) != odd, "a promise of an odd generation");
        require(portmap_outlook(&map, port, &outlook) != odd, "an outlook of an odd generation");
    }
    printf("%d\n", found > 100);
}

/* Everything that belongs to one generation has one number in it. */
static void write_number(uint64_t number)
{
    _Atomic uint64_t *generation = (_Atomic uint64_t *)(bytes + 16);
    atomic_fetch_add(generation, 1);
    for (int i = 0; i < 3; i++) {
        if (number % 3 == 0)
            sched_yield(); /* in the middle, also where there is one processor */
        struct { uint64_t words[5]; uint16_t asked, port, state, reserved; uint32_t next, rest[3]; }
            record = {{1, number, number, number, number}, 7, (uint16_t)(number | 1), MOVE_LIVE, 0,
                      i < 2 ? (uint32_t)i + 2 : 0, {0}};
        put(PORTMAP_MOVES_AT + i * PORTMAP_MOVE, &record, sizeof record);
    }
    uint64_t words[4] = {number, number, number, 0};
    put_u32(PORTMAP_FIRST_MOVES_AT + 7 * PORTMAP_FIRST_MOVE, 1);
    put(PORTMAP_ANSWERING_V4_AT + 7 * PORTMAP_ANSWERING, words, sizeof words);
    put(PORTMAP_ANSWERING_V6_AT + 7 * PORTMAP_ANSWERING, words, sizeof words);
    atomic_fetch_add(generation, 1);
}

static atomic_bool is_over;

static void *write_on(void *unused)
{
    for (uint64_t number = 1; !atomic_load(&is_over); number++) {
        write_number(number * UINT64_C(0x100000001));
        sched_yield();
    }
    return unused;
}

static void read_under_writer(long rounds)
{
    pthread_t writer;
    long seen = 0, changes = 0;
    uint64_t last = 0;
    write_number(5);
    pthread_create(&writer, NULL, write_on, NULL);
    while (rounds-- > 0 && changes <= 300) {
        struct move moves[ROOM];
        struct outlook outlook;
        sched_yield();
        size_t count = portmap_moves(&map, 7, 1, MOVES_LIVE, moves, ROOM);
        for (size_t i = 0; i < count; i++) {
            uint64_t number = moves[0].image_id;
            require(moves[i].image_id == number && moves[i].cookie[0] == number &&
                        moves[i].cookie[1] == number && moves[i].at == number &&
                        moves[i].port == (uint16_t)(number | 1), "a torn move");
        }
        require(count == 3 || count == 0, "half a chain");
        changes += count > 0 && moves[0].image_id != last;
        last = count > 0 ? moves[0].image_id : last;
        seen += count > 0;
        if (portmap_outlook(&map, 7, &outlook))
            require(outlook.answering[0].project == outlook.answering[1].cookie &&
                        outlook.answering[0].repo == outlook.answering[1].project, "torn answers");
    }
    atomic_store(&is_over, true);
    pthread_join(writer, NULL);
    printf("%d\n", seen > 300 && changes > 300);
}

int main(int argc, char **argv)
{
    int fd = memfd_create("map", 0);
    if (argc < 3 || ftruncate(fd, PORTMAP_SIZE) != 0)
        return 1;
    bytes = mmap(NULL, PORTMAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    map.fd = fd;
    state = strtoull(argv[2], NULL, 10) * 2654435761u + 1;
    if (strcmp(argv[1], "garbage") == 0)
        read_garbage(20000);
    else
        read_under_writer(300000);
    return 0;
}
"""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mode", ["garbage", "writer"])
def test_what_is_read_is_whole_and_in_bounds(mode: str, seed: int) -> None:
    program = linked(READER, "guest/daemon/portmap.c", "guest/kernel/text.c")
    done = run([program, mode, str(seed)], {})
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


CONNECTOR = r"""
    //main
    /* Connect often, until each port has answered, and say which ones have. A writer that gets no
       processor for long is waited for: nobody accepts, and 4096 is what the servers can hold. */
    int first = atoi(argv[1]), second = atoi(argv[2]), counts[3] = {0, 0, 0};
    for (int i = 0; i < 200 || (i < 4000 && (counts[0] == 0 || counts[1] == 0)); i++) {
        if (i >= 200)
            usleep(1000);
        struct sockaddr_in name = at(port);
        socklen_t length = sizeof name;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (void *)&name, sizeof name) != 0 ||
            getpeername(fd, (void *)&name, &length) != 0)
            return 1;
        int got = ntohs(name.sin_port);
        counts[got == first ? 0 : got == second ? 1 : 2]++;
        close(fd);
    }
    printf("%d %d %d", counts[0] > 0, counts[1] > 0, counts[2]);
"""


def test_a_guest_is_led_right_while_the_daemon_writes(tmp_path: Path) -> None:
    """Two moves take turns in the map; each must be seen whole: its port with its own cookie."""
    with server("0.0.0.0") as stranger, server() as one, server() as two:
        with FakeDaemon(tmp_path) as daemon:
            daemon.map.unlink()
            written = portmap.PortMap(
                str(daemon.map), line_socket=str(daemon.line_socket), note_socket="/none", netns=0
            )
            asked = Port(port_of(stranger))
            turns = [
                [
                    portmap.MoveEntry(
                        project=key(key_text(daemon, "mine")),
                        image_id=1,
                        asked=asked,
                        port=Port(port_of(each)),
                        state="live",
                        at=1,
                        cookie4=cookie_of(each),
                    )
                ]
                for each in (one, two)
            ]
            written.set_moves(asked, turns[0])
            written.reveal()
            is_over = threading.Event()
            writer = threading.Thread(target=take_turns, args=(written, asked, turns, is_over))
            writer.start()
            words: list[str | Path] = [host(CONNECTOR), str(port_of(one)), str(port_of(two))]
            env = daemon.environment(STYXY_PROJECT=project(daemon, "mine"))
            done = subprocess.run(
                [*words, str(asked)], env=env, capture_output=True, text=True, timeout=60
            )
            is_over.set()
            writer.join()
            written.retire()
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 1 0", "")


def take_turns(
    written: portmap.PortMap, asked: Port, turns: list[list[portmap.MoveEntry]],
    is_over: threading.Event,
) -> None:  # fmt: skip
    """Write one move after the other, far more often than a daemon does."""
    turn = 0
    while not is_over.is_set():
        written.set_moves(asked, turns[turn])
        turn = 1 - turn
        sum(range(2000))  # some microseconds in which nothing is written
