"""What /proc tells the guest of other programs, mutated, and its readers in C under the sanitizers.

Environments and lists of children (Node's cluster), environments and maps (the supervisor). /proc
is a text here, which comes in pieces of any size, and lies anywhere in what is read before and
after it; each answer is compared with what a search through the whole text finds.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.native.guest import linked, run
from tests.native.test_fuzz import MAKER

pytestmark = pytest.mark.slow

MADE_FILES = (
    r"""
#define _GNU_SOURCE
#include "guest/kernel/sys.h"

static const char *const SEEDS[] = {
    "A=1|NODE_UNIQUE_ID=1|B=2|", "NODE_UNIQUE_ID=|", "NODE_NODE_UNIQUE_ID=1|NODE_UNIQUE_ID|",
    "STYXY_HOME=/h|HOME=/home/u|PWD=/tmp|", "STYXY_HOME=relative|PWD=/|STYXY_HOME=/second|",
    "|=|STYXY_HOME|STYXY_HOME=|HOME=relative", "HOME=/", "1 22 333 4444 ",
    "5 77777777777777777777 7 ",
    "7f00-7f01 r-xp 00000000 08:01 1 /h/lib/1/libstyxy.so\n7f02-7f03 r--p 0 08:01 2 /bin/x\n",
    "7f00-7f01 r-xp 00000000 08:01 1 /h/libstyxy.so.old\n/h/libstyxy.so",
};
"""
    + MAKER
    + r"""
enum { SEEN = 256 * 1024 /* of an environment, by both readers */, LARGEST = 3 * SEEN };

static char text[LARGEST + 1];
static size_t text_length, text_at, most_at_once;

static int open_made(const char *path, int flags, unsigned mode)
{
    if (strncmp(path, "/proc/", 6) != 0)
        return sys_open(path, flags, mode);
    const size_t most[] = {1 << 30, 1000, text_length < 16 * 1024 ? 20 : 1000};
    most_at_once = most[random_below(3)];
    text_at = 0;
    return sys_open("/dev/null", O_RDONLY, 0);
}

/* Like /proc, it gives less than there is room for when it likes. */
static ptrdiff_t read_made(int fd, void *into, size_t room)
{
    size_t left = text_length - text_at, count = room < left ? room : left;
    (void)fd;
    if (count > most_at_once)
        count = 1 + random_below((uint32_t)most_at_once);
    memcpy(into, text + text_at, count);
    text_at += count;
    return (ptrdiff_t)count;
}

#define sys_open open_made
#define sys_read read_made
#include "preload/cluster.c"
#include "supervisor/traced_image/proc_environ.c"
#undef sys_open
#undef sys_read

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Bury an input between fillings of any length, which are one variable or many empty ones. */
static void make_text(const unsigned char *input, size_t length, size_t most, char separator)
{
    char filling = random_below(2) == 0 ? 'x' : separator;
    size_t before = random_below(3) == 0 ? 0 : random_below((uint32_t)most);
    size_t after = random_below(3) == 0 ? 0 : random_below((uint32_t)most);
    memset(text, filling, before);
    memcpy(text + before, input, length);
    memset(text + before + length, filling, after);
    text_length = before + length + after;
    text[text_length] = '\0';
    for (size_t at = before; at < before + length; at++)
        if (text[at] == '|')
            text[at] = separator;
}

/* The value of a variable as getenv(3) finds it; NULL where there is none. */
static const char *value_of(const char *name)
{
    size_t length = strlen(name);
    for (const char *at = text; at < text + text_length; at += strlen(at) + 1)
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return at + length + 1;
    return NULL;
}

static int fuzz_worker(void)
{
    bool found = is_worker(1);
    require(text_length > SEEN || found == (value_of("NODE_UNIQUE_ID") != NULL));
    return found;
}

/* A list of children, each of whom has that list for an environment, and none is a worker. */
static int fuzz_children(void)
{
    require(cluster_is_primary() == false || value_of("NODE_UNIQUE_ID") != NULL);
    atomic_store(&is_known, false);
    return text_length > 0;
}

static bool ends_with(const char *whole, const char *end)
{
    size_t length = strlen(whole), tail = strlen(end);
    return length >= tail && strcmp(whole + length - tail, end) == 0;
}

static const char *get(void *environment, const char *name)
{
    return proc_environ_get(environment, name);
}

static int fuzz_environ(void)
{
    struct proc_environ environment;
    struct image image;
    const char *const names[] = {"STYXY_HOME", "HOME", "PWD", "NODE_UNIQUE_ID"};
    require(proc_environ_read((int)getpid(), &environment));
    for (int i = 0; i < 4; i++) {
        const char *value = value_of(names[i]), *got = proc_environ_get(&environment, names[i]);
        require(text_length > SEEN || strcmp(got, value != NULL ? value : "") == 0);
    }
    const struct variables variables = {.get = get, .from = &environment};
    struct text texts = text_in(environment.scratch, IMAGE_PATH);
    image.directory = environment.directory;
    image_read_settings(&image, &variables, &texts);
    require(image.directory[0] == '/' || image.directory[0] == '\0');
    require(image.home[0] == '/' || image.home[0] == '\0');
    require(strlen(image.directory) < IMAGE_PATH && strlen(image.home) < IMAGE_PATH);
    const char *named = get(&environment, "STYXY_HOME");
    int found = image.home[0] == '/';
    require(!found || ends_with(image.home, named[0] != '\0' ? named : "/.styxy"));
    free(environment.bytes);
    return found;
}

static int fuzz_maps(void)
{
    bool found = proc_environ_has_library(1);
    if (strlen(text) == text_length) /* the kernel's has no NUL */
        require(found == (strstr(text, "/libstyxy.so\n") != NULL));
    return found;
}

int main(int argc, char **argv)
{
    unsigned char input[LONGEST + 16];
    int accepted[4] = {0};
    require(argc == 3 && chdir("/") == 0); /* where PWD decides */
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    for (long rounds = atol(argv[2]); rounds > 0; rounds--) {
        size_t length = make_input(input);
        make_text(input, length, random_below(50) == 0 ? SEEN : 6000, '\0');
        accepted[0] += fuzz_worker();
        accepted[1] += fuzz_environ();
        make_text(input, length, 1500, ' ');
        accepted[2] += fuzz_children();
        make_text(input, length, random_below(10) == 0 ? 39 * 1024 : 6000, '\n');
        accepted[3] += fuzz_maps();
    }
    for (int i = 0; i < 4; i++)
        printf("%d ", accepted[i] > 50);
    return 0;
}
"""
)


@pytest.mark.parametrize("seed", range(1, 4))
def test_what_proc_tells_is_found_wherever_it_lies(tmp_path: Path, seed: int) -> None:
    program = linked(MADE_FILES, "guest/image.c", "guest/kernel/text.c")
    spoiled = {"ASAN_OPTIONS": "max_malloc_fill_size=1000000"}  # memory that is new is not zero
    done = run([program, str(seed), "3000"], spoiled, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 1 1 1 ", "")
