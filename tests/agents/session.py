"""One session of a real agent: its home, its project, the model that leads it, its last words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.agents.model import Model, Step
from tests.agents.programs import Agent
from tests.programs.running import running

LONGEST = 180.0
"""Seconds; the slowest of them takes ten to start on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Say which agent works in which project; `env` is that of its user's terminal, and `before`
    are the words that he types before the agent's command."""

    agent: Agent
    project: Path
    env: Mapping[str, str]
    before: tuple[str, ...] = ()

    def run(self, script: Sequence[Step]) -> Model:
        """Run the agent to the end of a script, and return the model with what it saw."""
        model = Model(script)
        self.follow(model)
        return model

    def follow(self, model: Model) -> None:
        """Run the agent to the end of the model's script; nothing of it is left afterwards."""
        with model:
            env = {**self.env, **self.agent.environment(model.url)}
            words = [*self.before, *self.agent.command(model.url)]
            with running(words, cwd=self.project, env=env) as program:
                status = program.wait(LONGEST)
                assert model.is_through, f"the script is not over\n{program}"
                assert status == 0, str(program)
