"""No program does worse under Styxy than without it: where it serves, what it prints, who it meets.

Each is driven on a port that a stranger has, by itself and under Styxy, there once more, and in two
worktrees at once. What was seen fills a table of docs/compatibility.md, also where it is bad.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.programs.catalogue import COMPARED
from tests.programs.conflicts import stranger
from tests.programs.developing.comparison import Comparison
from tests.programs.developing.observing import Outcome, end, observe
from tests.programs.developing.opening import Browser
from tests.programs.installation import Installation
from tests.programs.program import Program
from tests.programs.program_list import ProgramList
from tests.programs.running import Running, running

pytestmark = [pytest.mark.real, pytest.mark.compat]


@dataclass(frozen=True, slots=True)
class Place:
    """A project, and the browser that programs find in it; most open none."""

    installation: Installation
    subject: Program
    project: Path
    browser: Browser | None

    @contextlib.contextmanager
    def guest(self, port: int) -> Iterator[Outcome]:
        """Run the program under Styxy, until it has settled, and then until its user ends it."""
        words = self.subject.command(port)
        with self.installation.run(words, cwd=self.project, terminal=None, **self._env()) as server:
            yield self._seen(server, port)
            end(server, self.subject)
        self.installation.wait_no_lease(self.project)

    def alone(self, port: int) -> Outcome:
        """Run the program without Styxy."""
        env = self.installation.env | self._env()
        with running(self.subject.command(port), cwd=self.project, env=env) as server:
            outcome = self._seen(server, port)
            end(server, self.subject)
        return outcome

    def settled(self, port: int) -> Outcome:
        """Run the program under Styxy once."""
        with self.guest(port) as outcome:
            return outcome

    def settle(self, port: int) -> None:
        """Write what the program needs."""
        self.subject.settle_in(self.project, self.project.name, port=port)

    def _env(self) -> dict[str, str]:
        if self.browser is None:
            return {}
        self.browser.forget()
        return self.browser.environment(self.installation.env)

    def _seen(self, server: Running, port: int) -> Outcome:
        return observe(
            server, self.subject, content=self.project.name, asked=port, browser=self.browser
        )


@pytest.mark.parametrize("subject", COMPARED, ids=str)
def test_a_program_does_no_worse_than_by_itself(
    subject: Program,
    installation: Installation,
    ours: Path,
    theirs: Path,
    program_list: ProgramList,
) -> None:
    program_list.require(subject)
    here, there = (
        Place(installation, subject, project, Browser(project) if subject.opens else None)
        for project in (ours, theirs)
    )
    with stranger("127.0.0.1", subject.ports, project=theirs) as taken:
        here.settle(taken.port)
        alone = here.alone(taken.port)
        under = here.settled(taken.port)
        has_settled = under.port is not None or under.status is not None or under.notices != []
        assert has_settled, f"no end, no server: {under}"
        again = here.settled(taken.port)
        taken.assert_untouched()
    home = free_port(subject.ports)
    for place in (there, here):
        place.settle(home)
    with there.guest(home) as free:
        beside = here.settled(home)
    seen = Comparison(alone=alone, under=under, again=again, home=home, free=free, beside=beside)
    program_list.compared[subject.name] = seen.cells
    assert seen.faults == [], f"{seen}"
