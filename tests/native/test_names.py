"""What the daemon hears of a program that reads where its socket was moved."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import BINDER, NOTICE, FakeDaemon, compiled, listener, move, run, say

READS = """
import socket, sys
with socket.socket() as server, socket.socket() as client:
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen()
    if sys.argv[2] == "connects":
        client.connect(("127.0.0.1", int(sys.argv[3])))
        accepted, _ = server.accept()
        accepted.getsockname()
    for _ in range(3):
        print(server.getsockname()[1])
"""


def test_the_daemon_hears_once_that_a_moved_socket_was_looked_at(tmp_path: Path) -> None:
    place = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(place))) as daemon:
        done = run([sys.executable, "-c", READS, str(taken), "reads"], daemon.environment())
        [question] = daemon.questions
        notes = daemon.notes("name")
    assert done.stdout == f"{place}\n" * 3
    assert notes == [["styxy/1", "name", str(place), question[8]]]


def test_a_socket_that_was_not_moved_is_nobodys_business(tmp_path: Path) -> None:
    port = free_port()
    with FakeDaemon(tmp_path) as daemon:
        done = run([compiled(BINDER), f"127.0.0.1,{port},listen"], daemon.environment())
        notes = daemon.notes("name")
    assert done.stdout == f"{port}\n"
    assert notes == []


def test_only_the_listener_counts(tmp_path: Path) -> None:
    """An accepted connection has the listener's port, too: who looks at it does not compare."""
    place = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(place))) as daemon:
        words = [sys.executable, "-c", READS.replace("range(3)", "()"), str(taken)]
        done = run([*words, "connects", str(place)], daemon.environment())
        notes = daemon.notes("name")
    assert done.stderr.count("✓") == 1
    assert notes == []


@pytest.mark.parametrize("room", [0, 2, 3, 4])
def test_a_small_buffer_is_no_reason_to_fail(tmp_path: Path, room: int) -> None:
    text = """
    #include <arpa/inet.h>
    #include <stdio.h>
    #include <stdlib.h>
    int main(int count, char **words)
    {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
        in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        socklen_t length = count > 2 ? atoi(words[2]) : 0;
        if (bind(fd, (struct sockaddr *)&in, sizeof in) != 0)
            return 1;
        printf("%d ", getsockname(fd, (struct sockaddr *)&in, &length));
        printf("%d\\n", (int)length);
    }
    """
    with listener() as taken, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        done = run([compiled(text), str(taken), str(room)], daemon.environment())
    assert (done.returncode, done.stdout) == (0, "0 16\n")


TRIES = """
import socket, sys
for _ in range(int(sys.argv[2])):
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", int(sys.argv[1])))
        server.listen()
"""


@pytest.mark.parametrize(
    ("times", "why", "is_told"),
    [
        (1, "probes start", False),
        (2, "probes start", True),
        (3, "probes start", True),
        (1, "probes", True),
        (1, "probes st%1Brt", True),
    ],
)
def test_of_a_program_that_is_known_to_probe_only_the_server_is_told(
    tmp_path: Path, times: int, why: str, is_told: bool
) -> None:
    place = free_port()
    answer = f"{move(place)}\nstyxy/1 why {why}"
    with listener() as taken, FakeDaemon(tmp_path, say(answer)) as daemon:
        words = [sys.executable, "-c", TRIES, str(taken), str(times)]
        done = run(words, daemon.environment())
    assert done.stderr == (NOTICE.format(taken, place) if is_told else "")
