"""Each program in two worktrees at once: each has its own server, and finds its place again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.programs.catalogue import PROGRAMS
from tests.programs.installation import Installation
from tests.programs.program import Program
from tests.programs.program_list import ProgramList
from tests.programs.running import Running
from tests.programs.test_conflicts import notice, wait_moved

pytestmark = [pytest.mark.real, pytest.mark.compat]


def end(subject: Program, server: Running, *, killed: bool) -> None:
    """End a program as its user does, or without a word."""
    if killed:
        os.killpg(server.pid, signal.SIGKILL)
    else:
        subject.end(server)
    server.wait()


@pytest.mark.parametrize("subject", PROGRAMS, ids=str)
def test_two_worktrees_run_a_program_at_once_and_the_second_goes_back_to_its_place(
    subject: Program,
    installation: Installation,
    ours: Path,
    theirs: Path,
    program_list: ProgramList,
) -> None:
    program_list.require(subject)
    port = free_port(subject.ports)
    for project in (theirs, ours):
        subject.settle_in(project, project.name, port=port)
    paths = set()
    with installation.run(subject.command(port), cwd=theirs) as first:
        subject.assert_answers(port, theirs.name)
        for killed in (False, True, False):
            with installation.run(subject.command(port), cwd=ours) as second:
                got = wait_moved(second, port, takes=subject.takes)
                subject.assert_answers(got, ours.name)
                subject.assert_answers(port, theirs.name)
                end(subject, second, killed=killed)
                notices = [line for line in second.stderr.splitlines() if "STYXY" in line]
                assert notices == [notice(port, got, takes=subject.takes)]
            installation.wait_no_lease(ours)
            paths.add(got)
        assert len(paths) == 1
        assert "STYXY" not in first.stdout + first.stderr
        end(subject, first, killed=False)
