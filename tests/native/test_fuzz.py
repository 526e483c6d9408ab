"""Bytes of other processes, mutated: the answer, daemon.json and the map's header, sanitized.

Every input lies in an allocation of its own size, so a byte read past its end is a report. What is
accepted must keep its promises: texts that end, ports in range, nothing that moves a cursor.
"""

from __future__ import annotations

import pytest

from tests.native.guest import linked, run

FUZZER = r"""
#include "daemonfile.h"
#include "portmap.h"
#include "wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
static uint32_t random_below(uint32_t limit)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* xorshift64 */
    return (uint32_t)(state >> 32) % limit;
}

static const char *const SEEDS[] = {
    "styxy/1 keep", "styxy/1 move 8001 api new 2026-11-21T19:25:22",
    "styxy/1 move 65535 a%C3%A4 same 2026-11-21T19:25:22", "styxy/1 single 11434 ai 4321",
    "styxy/1 error no%20port", "{\"pid\": 1, \"map\": \"/run/user/1/styxy/ports.map\"}",
    "{\"a\": {\"map\": \"/x\"}, \"b\": [\"map\", {}], \"map\":\n\"/y\"}", "{\"map\"", "{\"map\":\"",
    "{\"map\":\"/", "[[[[]]]]{\"map\":\"/z\"}", "styxy/1 move 8001 %41%4g new 2026-11-21T19:25:22",
};
enum { SEED_COUNT = sizeof SEEDS / sizeof *SEEDS, LONGEST = 600 };

static const char SPICE[] = " %\"\\{}[]:,/-0123456789TZstyxymap\n\r\t\0\x7f\xff";

static size_t make_input(unsigned char *bytes)
{
    size_t length;
    if (random_below(4) == 0) {
        length = random_below(LONGEST);
        for (size_t i = 0; i < length; i++)
            bytes[i] = (unsigned char)random_below(256);
        return length;
    }
    const char *seed = SEEDS[random_below(SEED_COUNT)];
    length = strlen(seed);
    memcpy(bytes, seed, length);
    for (uint32_t change = random_below(4); change > 0 && length > 0; change--) {
        size_t at = random_below((uint32_t)length);
        switch (random_below(4)) {
        case 0: bytes[at] = (unsigned char)SPICE[random_below(sizeof SPICE)]; break;
        case 1: length = at; break;
        case 2: memmove(bytes + at, bytes + at + 1, length - at - 1), length--; break;
        case 3: memmove(bytes + at + 1, bytes + at, length - at), length++;
                bytes[at] = (unsigned char)SPICE[random_below(sizeof SPICE)];
        }
    }
    return length;
}

static void check_text(const char *text, size_t room)
{
    size_t length = strnlen(text, room);
    if (length == room)
        abort();
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            abort();
}

static int fuzz_answer(const char *bytes, size_t length)
{
    struct answer answer;
    if (!wire_answer(bytes, length, &answer))
        return 0;
    check_text(answer.service_type, sizeof answer.service_type);
    check_text(answer.at, sizeof answer.at);
    if (answer.verdict == VERDICT_MOVE && (answer.port < 1024 || answer.at[0] == '\0'))
        abort();
    return 1;
}

static int fuzz_daemonfile(const char *bytes, size_t length)
{
    size_t room = 1 + random_below(64);
    char *path = malloc(room);
    int found = daemonfile_map(bytes, length, path, room);
    if (found && (strnlen(path, room) == room || path[0] != '/' || strchr(path, '\\') != NULL))
        abort();
    free(path);
    return found;
}

static int fuzz_header(const unsigned char *spoil, size_t length)
{
    struct { char magic[8]; uint32_t version, size; uint64_t generation; uint32_t retired, pid;
             uint64_t netns; char reserved[24], socket[128], note[128];
             uint32_t slots, padding; } good =
        {{'S', 'T', 'Y', 'X', 'Y', 'M', 'A', 'P'}, 2, 4096, 8, 0, 1, 0, {0},
         "/run/line.sock", "/run/note.sock", PORTMAP_MOVE_SLOTS, 0};
    struct portmap map;
    size_t size = random_below(8) == 0 ? random_below(sizeof good) : sizeof good;
    unsigned char *bytes = malloc(size + 1);
    memcpy(bytes, &good, size);
    for (size_t i = 0; i < length % 6 && size > 0; i++)
        bytes[random_below((uint32_t)size)] = spoil[i];
    if (length > 300)
        memset(bytes + size / 3, 'x', size - size / 3);
    unsigned char *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, bytes, size);
    int found = portmap_header(exact, size, &map);
    if (found && strnlen(map.line_socket, sizeof map.line_socket) == sizeof map.line_socket)
        abort();
    free(exact);
    free(bytes);
    return found;
}

int main(int argc, char **argv)
{
    unsigned char input[LONGEST + 16];
    int accepted[3] = {0};
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    for (long rounds = argc > 2 ? atol(argv[2]) : 0; rounds > 0; rounds--) {
        size_t length = make_input(input);
        char *exact = malloc(length > 0 ? length : 1);
        memcpy(exact, input, length);
        accepted[0] += fuzz_answer(exact, length);
        accepted[1] += fuzz_daemonfile(exact, length);
        accepted[2] += fuzz_header(input, length);
        free(exact);
    }
    /* A fuzzer whose inputs are all refused at the door proves nothing. */
    printf("%d\n", accepted[0] > 100 && accepted[1] > 100 && accepted[2] > 100);
    return 0;
}
"""


@pytest.mark.parametrize("seed", range(1, 4))
def test_mutated_bytes_are_refused_or_understood_but_never_believed(seed: int) -> None:
    program = linked(FUZZER, "wire.c", "text.c", "daemonfile.c", "portmap.c")
    done = run([program, str(seed), "60000"], {})
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
