"""On a free port a program cannot be told from one that runs without Styxy.

Its output is the same, byte for byte, its exit status is, and so is what signals mean to it. That
of each server and each client of the table is compared; `make compat` has them all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.daemon import wait_until
from tests.fakes import free_port
from tests.programs.catalogue import CASES, CLIENT_CASES, PROGRAMS, program
from tests.programs.conftest import DOZEN
from tests.programs.installation import Installation
from tests.programs.program import Program
from tests.programs.program_list import ProgramList
from tests.programs.running import Running, running

pytestmark = pytest.mark.real

QUIET = range(20000, 32000)
"""Ports that no service type, no program by habit and no outgoing connection uses."""

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)

SUPERVISOR = "styxy-seccomp"


@dataclasses.dataclass(frozen=True, slots=True)
class Life:
    """What there is to see of a program from its start to its end."""

    status: int
    stdout: str
    stderr: str
    signals: tuple[str, ...] = ()
    """The signals that its process blocks, ignores and catches."""


def signals_of(server: Running) -> tuple[str, ...]:
    """Read what signals mean to the program that was started, as masks of proc(5).

    A program that has just answered may still block some of them in passing: it is looked at when
    it sleeps, and slept all the while between two looks. It blocks what all of its threads block
    (signal(7)); the first thread of the `go` command does so at one time and not at another.
    """
    pid = program_of(server.pid)
    place = Path(f"/proc/{pid}/status")
    looks = [place.read_text(encoding="utf-8")]

    def has_slept() -> bool:
        looks.append(place.read_text(encoding="utf-8"))
        return "\nState:\tS" in looks[-1] and switches(looks[-2]) == switches(looks[-1])

    wait_until(has_slept)
    status = looks[-1]
    others = re.findall(r"^Sig(?:Ign|Cgt):\t\w+$", status, re.MULTILINE)
    return (f"SigBlk:\t{blocked_in(pid):016x}", *others)


def blocked_in(pid: int) -> int:
    """Read which signals all threads of a process block, as a mask."""
    blocked = ~0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            status = thread.joinpath("status").read_text(encoding="utf-8")
            [mask] = re.findall(r"^SigBlk:\t(\w+)$", status, re.MULTILINE)
            blocked &= int(mask, 16)
    return blocked


def switches(status: str) -> list[str]:
    """How often a process has been given a processor, out of its status."""
    return re.findall(r"^\w*voluntary_ctxt_switches:\t(\d+)$", status, re.MULTILINE)


def program_of(pid: int) -> int:
    """Find the program where its supervisor's proxy stands in for it: the first one below it."""
    level = [pid]
    while not (programs := [each for each in level if name_of(each) != SUPERVISOR]):
        level = [child for each in level for child in children_of(each)]
        assert level, f"no program below {pid}"
    return min(programs)


def name_of(pid: int) -> str:
    """The file that a process executes."""
    return Path(f"/proc/{pid}/exe").readlink().name


def children_of(pid: int) -> Iterator[int]:
    """Find the children of a process; its standby, which is a fork of it, is none of these."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split():
        if Path(f"/proc/{child}/comm").read_text(encoding="utf-8") != "styxy-standby\n":
            yield int(child)


def life(
    starting: AbstractContextManager[Running],
    subject: Program,
    port: int,
    meanwhile: Callable[[], None],
) -> Life:
    """Let a program serve, then end; gives what its user saw."""
    with starting as server:
        subject.assert_answers(port, "home")
        meanwhile()
        signals = signals_of(server)
        subject.end(server)
        status = server.wait()
        return Life(status, subject.settled(server.stdout), subject.settled(server.stderr), signals)


@pytest.mark.parametrize("subject", CASES)
def test_a_program_on_a_free_port_prints_what_it_always_prints(
    subject: Program, installation: Installation, ours: Path, program_list: ProgramList
) -> None:
    program_list.require(subject)
    port = free_port(QUIET)
    subject.settle_in(ours, "home", port=port)
    words = subject.command(port)
    before = installation.logged()

    def nothing_is_noted() -> None:
        assert installation.leases(ours) == []
        assert installation.reassignments(ours) == []
        assert [each.string for each in installation.logged()] == [each.string for each in before]

    plain = life(running(words, cwd=ours, env=installation.env), subject, port, lambda: None)
    guest = life(installation.run(words, cwd=ours), subject, port, nothing_is_noted)
    assert guest == plain


def endings() -> Iterator[ParameterSet]:
    """Make the cases of programs and the signals that end them; most are for `make compat`."""
    for each in PROGRAMS:
        for number in ENDS:
            is_common = each.name in DOZEN and number == signal.SIGINT
            marks = [pytest.mark.slow if is_common else pytest.mark.compat]
            yield pytest.param(each, number, id=f"{each.name}-{number.name}", marks=marks)


def ended(
    server: Running, subject: Program, port: int, number: signal.Signals
) -> tuple[int, tuple[str, ...]]:
    """End a program, as its user does, by a signal; gives its exit status."""
    subject.assert_answers(port, "home")
    signals = signals_of(server)
    dataclasses.replace(subject, ends_by=number).end(server)
    return server.wait(), signals


@pytest.mark.parametrize(("subject", "number"), tuple(endings()))
def test_a_signal_ends_a_program_as_it_always_does(
    subject: Program,
    number: signal.Signals,
    installation: Installation,
    ours: Path,
    theirs: Path,
    program_list: ProgramList,
) -> None:
    program_list.require(subject)
    places = {ours: free_port(QUIET), theirs: free_port(QUIET)}
    for project, port in places.items():
        subject.settle_in(project, "home", port=port)
    mine, other = (subject.command(port) for port in places.values())
    with (
        installation.run(mine, cwd=ours) as guest,
        running(other, cwd=theirs, env=installation.env) as plain,
    ):
        assert ended(guest, subject, places[ours], number) == ended(
            plain, subject, places[theirs], number
        )


def answer(starting: AbstractContextManager[Running], client: Program) -> Life:
    """Run a client to its end."""
    with starting as asking:
        status = asking.wait()
        return Life(status, client.settled(asking.stdout), client.settled(asking.stderr))


@pytest.mark.parametrize("client", CLIENT_CASES)
def test_a_client_says_what_it_always_says_of_a_server_that_was_not_moved(
    client: Program, installation: Installation, ours: Path, program_list: ProgramList
) -> None:
    program_list.require(client)
    server, port = program("socketserver"), free_port(QUIET)
    server.settle_in(ours, "home")
    client.settle_in(ours, "", port=port)
    words = client.command(port)

    def lives() -> list[Life]:
        plain = running(words, cwd=ours, env=installation.env)
        return [answer(plain, client), answer(installation.run(words, cwd=ours), client)]

    with running(server.command(port), cwd=ours, env=installation.env):
        server.assert_answers(port, "home")
        plain, guest = lives()
    assert guest == plain
    assert plain.stdout.splitlines()[-1:] == ["home"]
    plain, guest = lives()
    assert (guest.status != 0, guest.status) == (True, plain.status)
