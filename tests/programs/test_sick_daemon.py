"""With a sick daemon a program behaves as without Styxy, byte for byte, at most 300 ms later.

The library is loaded by hand, as in a shell that was activated while all was well. Times are
compared with runs without it in the same minute, and the quickest run counts, so that a busy
machine proves nothing wrong.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.examples import slow
from tests.programs.catalogue import program
from tests.programs.conflicts import stranger
from tests.programs.installation import Installation
from tests.programs.program import API, DEV, Program
from tests.programs.program_list import ProgramList
from tests.programs.running import PATIENCE, running
from tests.programs.sick_daemons import SICK_DAEMONS, frozen, healthy

pytestmark = pytest.mark.real

LONGEST_DELAY = 0.3
"""Seconds that a sick daemon may cost a program, says the product."""

RUNS = 3


class Ended:
    """A program that has run to its end."""

    def __init__(self, words: list[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        began = time.monotonic()
        done = subprocess.run(
            words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
        )
        self.seconds = time.monotonic() - began
        self.result = (done.returncode, done.stdout, done.stderr)


UNMOVED = "✗ STYXY: Port %d was not moved: ".encode()


@pytest.fixture
def sick_installation(tmp_path: Path) -> Iterator[Installation]:
    """Give a Styxy whose daemon runs, until the test makes it sick."""
    installation = Installation(tmp_path / "home")
    with healthy(installation):
        yield installation


@pytest.fixture
def empty_installation(tmp_path: Path) -> Installation:
    """Give a home in which no daemon ever ran."""
    return Installation(tmp_path / "empty")


COMMON = ("killed", "frozen")


@pytest.mark.parametrize(
    "kind_of_sickness",
    [*COMMON, *slow(*(each for each in SICK_DAEMONS if each not in COMMON))],
)
@pytest.mark.parametrize(
    "subject",
    [program("http.server"), pytest.param(program("node http"), marks=pytest.mark.slow)],
    ids=str,
)
def test_a_program_on_a_taken_port_fails_as_without_styxy(
    subject: Program,
    kind_of_sickness: str,
    sick_installation: Installation,
    empty_installation: Installation,
    ours: Path,
    theirs: Path,
    program_list: ProgramList,
) -> None:
    program_list.require(subject)
    installation = empty_installation if kind_of_sickness == "never started" else sick_installation
    subject.settle_in(ours, "home")
    guest_env = installation.guest_env()
    with (
        SICK_DAEMONS[kind_of_sickness](installation),
        stranger("::", subject.ports, project=theirs) as taken,
    ):
        words = subject.command(taken.port)
        pairs = [
            (Ended(words, cwd=ours, env=installation.env), Ended(words, cwd=ours, env=guest_env))
            for _ in range(RUNS)
        ]
        taken.assert_untouched()
    for plain, guest in pairs:
        assert without_line(guest.result, taken.port) == plain.result
    assert b"ddress already in use" in pairs[0][0].result[2]
    assert_no_later([plain.seconds for plain, _ in pairs], [guest.seconds for _, guest in pairs])
    assert installation.logged() == []


def without_line(result: tuple[int, bytes, bytes], port: int) -> tuple[int, bytes, bytes]:
    """Take out the one line that says why the program was not moved."""
    code, out, told = result
    kept = [line for line in told.splitlines(keepends=True) if UNMOVED % port not in line]
    assert len(kept) == len(told.splitlines()) - 1, told
    return code, out, b"".join(kept)


def assert_no_later(plain: list[float], guest: list[float]) -> None:
    """Prove that a sick daemon costs no more than it may, beyond what plain runs differ by."""
    jitter = max(plain) - min(plain)
    assert min(guest) - min(plain) < LONGEST_DELAY + jitter, (plain, guest)


@pytest.mark.slow
@pytest.mark.parametrize("kind_of_sickness", ["killed", "stopped cleanly", "frozen", "nonsense"])
def test_a_promised_port_is_taken_as_without_styxy(
    kind_of_sickness: str, sick_installation: Installation, ours: Path, theirs: Path
) -> None:
    subject = program("http.server")
    subject.settle_in(ours, "home")
    guest_env = sick_installation.guest_env()
    with sick_installation.promised(theirs, API) as port:
        with SICK_DAEMONS[kind_of_sickness](sick_installation):
            with running(subject.command(port), cwd=ours, env=guest_env) as server:
                subject.assert_answers(port, "home")
                subject.end(server)
                assert server.wait() == 0
                assert "STYXY" not in server.stderr + server.stdout


TWO_BINDS = """
import socket, sys, time
for _ in range(6):
    with socket.socket() as server:
        began = time.monotonic()
        try:
            server.bind(("127.0.0.1", int(sys.argv[1])))
        except OSError as error:
            print(error.errno, time.monotonic() - began)
"""


def test_of_two_binds_in_a_row_only_the_first_one_waits(
    sick_installation: Installation, ours: Path, theirs: Path
) -> None:
    guest_env = sick_installation.guest_env()
    with frozen(sick_installation), stranger("127.0.0.1", API, project=theirs) as taken:
        words = [sys.executable, "-c", TWO_BINDS, str(taken.port)]
        done = Ended(words, cwd=ours, env=guest_env)
    status, out, _ = done.result
    assert status == 0
    waits = [float(line.split()[1]) for line in out.decode().splitlines()]
    assert len(waits) == 6
    assert waits[0] >= 0.2
    # The quickest of the others: a busy machine may hold up any one of them.
    assert min(waits[1:]) < 0.1


def test_a_daemon_that_recovers_is_asked_again(
    sick_installation: Installation, ours: Path, theirs: Path, program_list: ProgramList
) -> None:
    subject = program("node http") if shutil.which("node") else program("http.server")
    program_list.require(subject)
    subject.settle_in(ours, "home")
    guest_env = sick_installation.guest_env()
    with stranger("::", DEV, project=theirs) as taken:
        words = subject.command(taken.port)
        with frozen(sick_installation):
            assert Ended(words, cwd=ours, env=guest_env).result[0] == 1
        with running(words, cwd=ours, env=guest_env) as server:
            server.wait_line(f"✓ STYXY: Port {taken.port} was in use, auto-assigned port .*")
