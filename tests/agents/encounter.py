"""Two projects, a session of an agent in each, one daemon: what each does, and what it sees of it.

Both sessions run at once and do the same to each other. They wait for each other where it matters:
nobody tries to have a port before its server listens, and no server ends before both are through.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.agents.dialects import ToolCall
from tests.agents.features import BY_ID, LIMITS
from tests.agents.model import Action, Model, Step
from tests.agents.programs import Agent
from tests.agents.session import LONGEST
from tests.agents.workplace import Project, Workplace
from tests.programs.http_probe import is_refused, wait_until

START = "the session starts"
SERVES = "its server starts"
AGAIN = "it starts its server again"
TAKEN = "it starts a server on a taken port"
FAILS = "a server fails on a taken port"
KILLS = "it kills a server of another project"
ENDS = "it kills its own server"

ONCE = "ONCE=1 PORT={port} node server.js"
"""A server that ends by itself as soon as it has a port."""

KILL = "kill -9 $(lsof -ti:{port})"
KILL_PIPED = "lsof -ti:{port} | xargs kill -9"

UNMOVED = "STYXY_DISABLE_REASSIGN=1 "
"""Before a command that is to meet the taken port, whatever Styxy could do for it."""

RUNS = "has been running at"
"""What an agent is told of a server of its project, with the process id before it."""


@dataclass(slots=True)
class Side:
    """One of the two: its project, what it does step by step, and the model that it talks to."""

    project: Project
    other: Project
    steps: Mapping[str, Step] = field(default_factory=dict)
    model: Model = field(default_factory=lambda: Model(()))

    def shown(self, moment: str) -> list[str]:
        """List the texts that the model saw for the first time after a step."""
        return self.model.shown(self._number(moment))

    def words(self, moment: str, *wanted: str) -> str:
        """Take the words that came with a step and have all that is wanted."""
        return self.model.told(self._number(moment), *wanted)

    def _number(self, moment: str) -> int:
        return [START, *self.steps].index(moment)


class Encounter:
    """Lead both sessions from start to end, and keep what their models saw."""

    def __init__(self, agent: Agent, workplace: Workplace, names: tuple[str, str]) -> None:
        self.agent = agent
        self._workplace = workplace
        self._meeting = threading.Barrier(len(names), timeout=LONGEST)
        one, two = (workplace.project(name) for name in names)
        self.sides = [Side(one, two), Side(two, one)]
        for side in self.sides:
            side.steps = self._steps(side.project, side.other)
            side.model = Model(list(side.steps.values()))

    def run(self) -> None:
        """Run both sessions to their ends. Raises what the first of them has raised."""
        failures: list[BaseException] = []
        threads = [threading.Thread(target=self._run, args=(side, failures)) for side in self.sides]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def _run(self, side: Side, failures: list[BaseException]) -> None:
        session = self._workplace.session(self.agent, side.project)
        try:
            session.follow(side.model)
        except BaseException as failure:  # noqa: BLE001, raised anew in the test's own thread
            failures.append(failure)
            self._meeting.abort()

    def _steps(self, own: Project, other: Project) -> dict[str, Step]:
        is_piped = LIMITS[self.agent.name].get("guard") is not None
        kill = KILL_PIPED if is_piped else KILL
        return {
            SERVES: self._served(f"env PORT={own.port} node server.js"),
            AGAIN: self._after_meeting(own, ONCE.format(port=own.port)),
            TAKEN: ONCE.format(port=other.port),
            FAILS: UNMOVED + ONCE.format(port=other.port),
            KILLS: kill.format(port=other.port),
            ENDS: self._after_meeting(own, self._kill_own(kill.format(port=own.port))),
        }

    def _served(self, line: str) -> Action:
        """Start a server that outlives the call: Codex ends what a shell leaves behind, and lets a
        command that still runs after a while run on."""
        if self.agent.name == "codex":
            return ToolCall("exec_command", {"cmd": line, "yield_time_ms": 1000})
        return f"nohup {line} > server.log 2>&1 &"

    def _kill_own(self, line: str) -> Step:
        """End its own server; by the process id that the model has read, where it has to."""
        if LIMITS[self.agent.name].get("own") != BY_ID:
            return line

        def step(model: Model) -> str:
            seen = re.search(r"pid (\d+)", model.told(2, RUNS))
            assert seen
            return f"kill -9 {seen[1]}"

        return step

    def _after_meeting(self, own: Project, action: Step) -> Callable[[Model], Action]:
        """Act when both are so far, and this project's server answers."""

        def step(model: Model) -> Action:
            assert own.answers(), own.log()
            self._meeting.wait()
            return action(model) if callable(action) else action

        return step

    def wait_ended(self, project: Project) -> None:
        """Wait until nobody listens on the project's port."""
        wait_until(lambda: is_refused("127.0.0.1", project.port), f"{project.name} ends its server")
