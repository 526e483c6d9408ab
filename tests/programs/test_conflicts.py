"""Each real program, each conflict: it moves, says so once, serves, and leaves nothing behind."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from tests.programs.catalogue import CASES, program
from tests.programs.conflicts import KINDS, Contest, contest, stranger
from tests.programs.http_probe import wait_until
from tests.programs.installation import Installation
from tests.programs.program import SERVICE, Program
from tests.programs.program_list import Found, ProgramList, backend_of, port_lines
from tests.programs.running import Running

pytestmark = pytest.mark.real


def notice(asked: int, got: object, *, why: str = "was in use", takes: str = "") -> str:
    """Word the notice of a move; `got` may be a pattern. `takes` is who found it by itself."""
    how = f"{takes} took" if takes else "auto-assigned port"
    return f"✓ STYXY: Port {asked} {why}, {how} {got}"


def wait_moved(server: Running, asked: int, *, why: str = "was in use", takes: str = "") -> int:
    """Wait for the notice; gives the port that it names."""
    return int(server.wait_line(notice(asked, r"(\d+)", why=why, takes=takes))[1])


def assert_recorded(
    installation: Installation, server: Running, subject: Program, *, cwd: Path, asked: int
) -> int:
    """Prove that daemon and log know of one move of a living server; gives the port."""
    moves = installation.reassignments(cwd)
    assert len(moves) == 1, f"{moves}\n{server}"
    [move] = moves
    entry = installation.logged()[-1]
    # Reloaders and workers bind in one process, which asks, and listen in another, which says so.
    for pid in (move["pid"], int(entry["pid"])):
        assert os.getpgid(pid) == server.pid
    assert (move["requested_port"], move["service_type"]) == (asked, SERVICE[subject.ports])
    assert [each["port"] for each in installation.leases(cwd)] == [move["port"]]
    found = (int(entry["asked"]), int(entry["got"]), entry["service"])
    assert found == (asked, move["port"], move["service_type"])
    return move["port"]


def assert_said_once(server: Running, subject: Program, said: str, *, got: int) -> None:
    """Prove that the notice came once, on standard error, and that the rest is the program's."""
    lines = server.stderr.splitlines()
    assert [line for line in lines if "STYXY" in line] == [said], str(server)
    assert "STYXY" not in server.stdout
    assert "EADDRINUSE" not in server.stdout + server.stderr
    if subject.says:
        server.wait_line(subject.says.replace("PORT", str(got)), stream=subject.stream)


def serve_moved(
    installation: Installation, subject: Program, taken: Contest, *, cwd: Path
) -> Found:
    """Start a program on a port that it cannot have, and prove all that the product promises."""
    content = f"{subject.name} of {cwd.name}"
    before = len(installation.logged())
    subject.settle_in(cwd, content, port=taken.port)
    with installation.run(subject.command(taken.port), cwd=cwd) as server:
        got = wait_moved(server, taken.port, why=taken.why, takes=subject.takes)
        assert got in subject.ports or subject.takes
        subject.assert_answers(got, content)
        taken.assert_untouched()
        # The notice is written first, the log right after it.
        wait_until(lambda: len(installation.logged()) > before, "the move is in the log")
        assert assert_recorded(installation, server, subject, cwd=cwd, asked=taken.port) == got
        assert len(installation.logged()) == before + 1
        [move] = installation.reassignments(cwd)
        assert backend_of(move["pid"]) == subject.backend
        subject.end(server)
        server.wait()
        installation.wait_no_lease(cwd)
        expected = notice(taken.port, got, why=taken.why, takes=subject.takes)
        assert_said_once(server, subject, expected, got=got)
        said = server.stdout + server.stderr
        settled = partial(subject.settled, instead="~")
        lines = port_lines(said, asked=taken.port, got=got, settled=settled)
        return Found(subject.backend, lines)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("subject", CASES)
def test_a_program_moves_from_a_port_that_is_not_to_be_had(
    subject: Program,
    kind: str,
    installation: Installation,
    ours: Path,
    theirs: Path,
    program_list: ProgramList,
) -> None:
    program_list.require(subject, kind)
    with contest(kind, subject.ports, installation=installation, project=theirs) as taken:
        program_list.record(subject, kind, serve_moved(installation, subject, taken, cwd=ours))


@pytest.mark.parametrize("kind", ["127.0.0.1", "::"])
def test_a_stranger_that_would_share_its_port_is_left_alone(
    kind: str, installation: Installation, ours: Path, theirs: Path
) -> None:
    subject = program("workers with SO_REUSEPORT")
    with stranger(kind, subject.ports, project=theirs, shared=True) as taken:
        serve_moved(installation, subject, taken, cwd=ours)


def test_a_program_goes_back_to_where_it_was(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    subject = program("http.server")
    subject.settle_in(ours, "here again")
    with stranger("::", subject.ports, project=theirs) as taken:
        paths = []
        for _ in range(3):
            with installation.run(subject.command(taken.port), cwd=ours) as server:
                paths.append(wait_moved(server, taken.port))
                subject.assert_answers(paths[-1], "here again")
            installation.wait_no_lease(ours)
        assert len(set(paths)) == 1
        assert [each["port"] for each in installation.reassignments(ours)] == paths


def test_two_worktrees_that_want_one_port_get_a_place_each(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    subject = program("http.server")
    with installation.promised(theirs, subject.ports) as port:
        for project in (ours, theirs):
            subject.settle_in(project, project.name)
        with installation.run(subject.command(port), cwd=ours) as moved:
            got = wait_moved(moved, port, why=f"is promised to {theirs.name}")
            with installation.run(subject.command(port), cwd=theirs) as at_home:
                subject.assert_answers(port, theirs.name)
                subject.assert_answers(got, ours.name)
                assert at_home.stderr.count("STYXY") == 0
