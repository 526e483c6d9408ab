"""The daemon's reply byte by byte, and mutated, under the sanitizers."""

from __future__ import annotations

import pytest

from tests.native.guest import linked, run
from tests.native.test_fuzz import MAKER

SEEDS = r"""
#include "hook/reply.h"

static const char *const SEEDS[] = {
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length:0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nCONTENT-LENGTH: \t 3 \r\nx: y\r\n\r\n\r\n\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
};
"""

JUDGE = r"""
/* Judge a copy that ends where the bytes end; a body must lie in it, at its end. */
static enum reply judge(const char *bytes, size_t length, struct reply_body *body)
{
    char *exact = malloc(length > 0 ? length : 1);
    memcpy(exact, bytes, length);
    enum reply reply = reply_judge(exact, length, body);
    if (reply == REPLY_COMPLETE && body->bytes + body->length != exact + length)
        abort();
    free(exact);
    return reply;
}
"""

FUZZER = (
    SEEDS
    + MAKER
    + JUDGE
    + r"""
int main(int argc, char **argv)
{
    unsigned char input[LONGEST + 16];
    int seen[3] = {0};
    struct reply_body body;
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    for (long rounds = argc > 2 ? atol(argv[2]) : 0; rounds > 0; rounds--) {
        size_t length = make_input(input);
        seen[judge((char *)input, length, &body)]++;
    }
    /* A fuzzer whose inputs are all refused at once proves nothing. */
    printf("%d\n", seen[0] > 100 && seen[1] > 100 && seen[2] > 100);
    return 0;
}
"""
)

PREFIXES = (
    SEEDS
    + MAKER
    + JUDGE
    + r"""
int main(int argc, char **argv)
{
    struct reply_body body;
    (void)argc, (void)argv, (void)make_input;
    for (int each = 0; each < 3; each++) {
        size_t whole = strlen(SEEDS[each]);
        for (size_t length = 0; length < whole; length++)
            if (judge(SEEDS[each], length, &body) != REPLY_PARTIAL)
                return printf("seed %d at %zu\n", each, length), 1;
        if (judge(SEEDS[each], whole, &body) != REPLY_COMPLETE)
            return printf("seed %d\n", each), 1;
    }
    return 0;
}
"""
)


def test_an_answer_is_partial_until_its_last_byte() -> None:
    done = run([linked(PREFIXES, "hook/reply.c")], {})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_mutated_replies_are_judged_in_bounds(seed: int) -> None:
    done = run([linked(FUZZER, "hook/reply.c"), str(seed), "60000"], {})
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
