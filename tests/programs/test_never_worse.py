"""No program does worse under Styxy than without it: where it serves, what it prints, who it meets.

Each is driven on a port that a stranger has, by itself and under Styxy, there once more, and in two
worktrees at once. What was seen fills a table of docs/compatibility.md, also where it is bad.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.programs.catalogue import COMPARED
from tests.programs.conflicts import stranger
from tests.programs.developing.comparison import Comparison
from tests.programs.developing.observing import Outcome, end, observe
from tests.programs.installation import Installation
from tests.programs.program import Program
from tests.programs.program_list import ProgramList
from tests.programs.running import Running, running

pytestmark = [pytest.mark.real, pytest.mark.compat]


@contextlib.contextmanager
def guest(
    installation: Installation, subject: Program, port: int, project: Path
) -> Iterator[tuple[Running, Outcome]]:
    """Run a program under Styxy, until it has settled, and then until its user ends it."""
    with installation.run(subject.command(port), cwd=project) as server:
        outcome = observe(server, subject, content=project.name, asked=port)
        yield server, outcome
        end(server, subject)
    installation.wait_no_lease(project)


def by_itself(installation: Installation, subject: Program, port: int, project: Path) -> Outcome:
    """Run a program without Styxy."""
    with running(subject.command(port), cwd=project, env=installation.env) as server:
        outcome = observe(server, subject, content=project.name, asked=port)
        end(server, subject)
    return outcome


def settled(installation: Installation, subject: Program, port: int, project: Path) -> Outcome:
    """Run a program under Styxy once."""
    with guest(installation, subject, port, project) as (_, outcome):
        return outcome


@pytest.mark.parametrize("subject", COMPARED, ids=str)
def test_a_program_does_no_worse_than_by_itself(
    subject: Program,
    installation: Installation,
    ours: Path,
    theirs: Path,
    program_list: ProgramList,
) -> None:
    program_list.require(subject)
    with stranger("127.0.0.1", subject.ports, project=theirs) as taken:
        subject.settle_in(ours, ours.name, port=taken.port)
        alone = by_itself(installation, subject, taken.port, ours)
        under = settled(installation, subject, taken.port, ours)
        assert under.port is not None or under.status is not None, (
            f"neither serves nor ends: {under}"
        )
        again = settled(installation, subject, taken.port, ours)
        taken.assert_untouched()
    home, free, beside = two_worktrees(installation, subject, ours, theirs)
    seen = Comparison(alone=alone, under=under, again=again, home=home, free=free, beside=beside)
    program_list.compared[subject.name] = seen.cells
    assert seen.faults == [], f"{seen}"


def two_worktrees(
    installation: Installation, subject: Program, ours: Path, theirs: Path
) -> tuple[int, Outcome, Outcome]:
    """Run a program in two worktrees at once; gives the port that both ask for, and both ends."""
    port = free_port(subject.ports)
    for project in (theirs, ours):
        subject.settle_in(project, project.name, port=port)
    with guest(installation, subject, port, theirs) as (_, free):
        return port, free, settled(installation, subject, port, ours)
