"""Bytes of other processes, mutated, and the parsers in C under the sanitizers.

The answer, daemon.json and the map's header; files of git, programs, messages of the kernel.

Every input lies in an allocation of its own size, so a byte read past its end is a report. What is
accepted must keep its promises: texts that end, ports in range, nothing that moves a cursor. The
map's records are in test_portmap.py, what Python reads is in tests/test_foreign_bytes.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples import share_of
from tests.native.guest import linked, run

pytestmark = pytest.mark.slow

MAKER = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
static uint32_t random_below(uint32_t limit)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* xorshift64 */
    return (uint32_t)(state >> 32) % limit;
}

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
"""
"""Makes inputs of the SEEDS before it."""

FUZZER = (
    r"""
#include "guest/daemon/daemonfile.h"
#include "guest/daemon/portmap.h"
#include "guest/daemon/wire.h"

static const char *const SEEDS[] = {
    "styxy/1 keep", "styxy/1 move 8001 api new 2026-11-21T19:25:22",
    "styxy/1 move 65535 a%C3%A4 same 2026-11-21T19:25:22", "styxy/1 single 11434 ai 4321",
    "styxy/1 taken", "styxy/1 taken is%20blog's", "styxy/1 why took vite 5173 my%20blog",
    "styxy/1 error no%20port", "styxy/1 why left my%20blog 14:03", "styxy/1 why promised b%C3%A4",
    "{\"pid\": 1, \"map\": \"/run/user/1/styxy/ports.map\"}",
    "{\"pid\": 1, \"socket\": \"/run/user/1/styxy/styxy.sock\"}",
    "{\"a\": {\"map\": \"/x\"}, \"b\": [\"map\", {}], \"map\":\n\"/y\"}", "{\"map\"", "{\"map\":\"",
    "{\"map\":\"/", "[[[[]]]]{\"map\":\"/z\"}", "styxy/1 move 8001 %41%4g new 2026-11-21T19:25:22",
};
"""
    + MAKER
    + r"""
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
    check_text(answer.error, sizeof answer.error);
    if (answer.verdict == VERDICT_MOVE && (answer.port < 1024 || answer.at[0] == '\0'))
        abort();
    wire_more(bytes, length, &answer);
    check_text(answer.name, sizeof answer.name);
    check_text(answer.until, sizeof answer.until);
    return 1;
}

static void fuzz_why(const char *bytes, size_t length)
{
    struct answer answer = {.verdict = VERDICT_MOVE};
    wire_more(bytes, length, &answer);
    check_text(answer.name, sizeof answer.name);
    check_text(answer.until, sizeof answer.until);
    if (answer.cause == CAUSE_TOOK)
        check_text(answer.tool, sizeof answer.tool);
    else
        check_text(answer.also, sizeof answer.also);
    if (answer.cause == CAUSE_TOOK && (answer.tool[0] == '\0' || answer.asked == 0))
        abort();
    if (answer.cause != CAUSE_IN_USE && answer.cause != CAUSE_TOOK && answer.name[0] == '\0')
        abort();
}

static int fuzz_daemonfile(const char *bytes, size_t length)
{
    size_t room = 1 + random_below(64);
    char *path = malloc(room);
    int found = random_below(8) == 0 ? daemonfile_socket(bytes, length, path, room)
                                     : daemonfile_map(bytes, length, path, room);
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
        {{'S', 'T', 'Y', 'X', 'Y', 'M', 'A', 'P'}, PORTMAP_VERSION, 4096, 8, 0, 1, 0, {0},
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
    if (found && strnlen(map.bind_socket, sizeof map.bind_socket) == sizeof map.bind_socket)
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
        fuzz_why(exact, length);
        accepted[1] += fuzz_daemonfile(exact, length);
        accepted[2] += fuzz_header(input, length);
        free(exact);
    }
    /* A fuzzer whose inputs are all refused at once proves nothing. */
    printf("%d\n", accepted[0] > 100 && accepted[1] > 100 && accepted[2] > 100);
    return 0;
}
"""
)

FILES = (
    r"""
#define _GNU_SOURCE
#include "guest/kernel/diag.c"
#include "guest/project/repo.c"
#include "guest/kernel/elf_kind.h"
#include <sys/mman.h>

static const char *const SEEDS[] = {
    "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = git@host:a/b.git\n",
    "[remote \"origin\"]\n url = \"https://u:p@[::1]:8080/x/y.git/\"\r\n[branch \"main\"]\n",
    "[remote \"origin\"]\nurl=file:///srv/../x.git", "[remote \"origin\"]\nurl=..", "gitdir: .\n",
    "gitdir: ../g/worktrees/w\n", "../..\n", "/\n", "#!/bin/sh\n", "#! /usr/bin/env -S A=1 node\n",
};
"""
    + MAKER
    + r"""
static void require(bool holds)
{
    if (!holds)
        abort();
}

static int fuzz_origin(const char *bytes, size_t length)
{
    char *text = malloc(length + 1), *name = malloc(64);
    memcpy(text, bytes, length);
    text[length] = '\0';
    const char *address = origin_in_config(text, length), *path;
    if (address != NULL) {
        require(address >= text && address + strlen(address) <= text + length);
        origin_is_local(address, &path);
        require(path >= address);
        if (origin_name(address, name, 64))
            require(strlen(name) < 64);
    }
    free(name);
    free(text);
    return address != NULL;
}

static void put_file(const char *name, const char *bytes, size_t length)
{
    FILE *file = fopen(name, "w");
    require(file != NULL && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

/* The files of git in a folder of their own, where `.git` is a file and names the folder or not. */
static int fuzz_repo(const struct image *image, const char *bytes, size_t length)
{
    static const char *const names[] = {".git", "config", "commondir"};
    struct repo_search *room = malloc(sizeof *room);
    const char *project = project_path(image, room->path);
    memmove(room->project, project, strlen(project) + 1);
    put_file(names[random_below(3)], bytes, length);
    if (random_below(2) == 0)
        put_file(".git", "gitdir: .\n", 10);
    if (random_below(2) == 0)
        remove("commondir");
    int found = find(room) != 0;
    free(room);
    return found;
}

/* This program's own header with some bytes changed, or a script. */
static int fuzz_elf_kind(const char *bytes, size_t length)
{
    static unsigned char own[1024];
    unsigned char head[sizeof own];
    char path[40];
    int file = memfd_create("program", 0);
    if (own[0] == 0) {
        FILE *self = fopen("/proc/self/exe", "r");
        require(self != NULL && fread(own, 1, sizeof own, self) == sizeof own);
        fclose(self);
    }
    memcpy(head, own, sizeof head);
    for (uint32_t change = random_below(6); change > 0; change--)
        head[random_below(random_below(2) == 0 ? 64 : 512)] = (unsigned char)random_below(256);
    bool is_script = length > 1 && bytes[0] == '#';
    require(is_script ? write(file, bytes, length) == (ssize_t)length
                      : write(file, head, random_below(sizeof head)) >= 0);
    enum elf_kind kind = elf_kind_of(file);
    if (elf_kind_interpreter(file, path, sizeof path))
        require(kind == ELF_KIND_SCRIPT && path[0] != '\0' && strlen(path) < sizeof path);
    close(file);
    return kind != ELF_KIND_OTHER;
}

static void count_sevens(void *visit, uint64_t cookie)
{
    *(int *)visit += cookie == 7;
}

static int fuzz_messages(const char *spoil, size_t spoiled)
{
    struct { struct nlmsghdr header; struct inet_diag_msg body; } one = {
        .header = {.nlmsg_len = sizeof one, .nlmsg_type = SOCK_DIAG_BY_FAMILY},
        .body = {.idiag_state = DIAG_LISTEN, .id = {.idiag_sport = htons(80), .idiag_cookie = {7}}},
    };
    size_t length = random_below(3 * sizeof one);
    unsigned char *bytes = malloc(length > 0 ? length : 1);
    for (size_t at = 0; at < length; at++)
        bytes[at] = ((const unsigned char *)&one)[at % sizeof one];
    for (size_t i = 0; length > 0 && i < spoiled % 5; i++)
        bytes[random_below((uint32_t)length)] = (unsigned char)spoil[i];
    int sevens = 0;
    read_piece(bytes, length, 80, count_sevens, &sevens);
    free(bytes);
    return sevens;
}

int main(int argc, char **argv)
{
    unsigned char input[LONGEST + 16];
    int accepted[4] = {0};
    const struct image image = {.directory = argv[3], .user_home = "/", .home = "", .project = ""};
    require(argc == 4 && chdir(argv[3]) == 0);
    put_file(".git", "gitdir: .\n", 10);
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    for (long rounds = atol(argv[2]); rounds > 0; rounds--) {
        size_t length = make_input(input);
        char *exact = malloc(length > 0 ? length : 1);
        memcpy(exact, input, length);
        accepted[0] += fuzz_origin(exact, length);
        accepted[1] += fuzz_repo(&image, exact, length);
        accepted[2] += fuzz_elf_kind(exact, length);
        accepted[3] += fuzz_messages(exact, length);
        free(exact);
    }
    for (int i = 0; i < 4; i++)
        printf("%d ", accepted[i] > 100);
    return 0;
}
"""
)


PARSERS = (
    "guest/daemon/daemonfile.c",
    "guest/daemon/portmap.c",
    "guest/daemon/wire.c",
    "guest/kernel/text.c",
)
READERS = (
    "guest/daemon/portmap.c",
    "guest/kernel/bounded.c",
    "guest/kernel/elf_kind.c",
    "guest/kernel/proc_files.c",
    "guest/kernel/text.c",
    "guest/project/origin.c",
    "guest/project/project.c",
    "guest/project/realpath.c",
)


@pytest.mark.parametrize("seed", range(1, 4))
def test_mutated_bytes_are_refused_or_understood_but_never_believed(seed: int) -> None:
    program = linked(FUZZER, *PARSERS)
    done = run([program, str(seed), str(share_of(60_000))], {})
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@pytest.mark.parametrize("seed", range(1, 4))
def test_mutated_files_and_messages_are_read_in_bounds(tmp_path: Path, seed: int) -> None:
    program = linked(FILES, *READERS)
    done = run([program, str(seed), str(share_of(3000)), str(tmp_path)], {})
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 1 1 1 ", "")
