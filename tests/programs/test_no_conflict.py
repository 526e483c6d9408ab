"""On a free port a program cannot be told from one that runs without Styxy, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.programs.catalogue import CASES
from tests.programs.installation import Installation
from tests.programs.program import Program
from tests.programs.program_list import ProgramList
from tests.programs.running import Running, running

pytestmark = pytest.mark.real

QUIET = range(20000, 32000)
"""Ports that no service type, no program by habit and no outgoing connection uses."""

Result = tuple[int, str, str]
"""Exit status, standard output, standard error."""


def life(
    program: AbstractContextManager[Running],
    subject: Program,
    port: int,
    meanwhile: Callable[[], None],
) -> Result:
    """Let a program serve, then end; gives what its user saw."""
    with program as server:
        subject.assert_answers(port, "home")
        meanwhile()
        subject.end(server)
        status = server.wait()
        return status, subject.settled(server.stdout), subject.settled(server.stderr)


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
