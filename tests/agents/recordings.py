"""What the agents wrote to the standard input of hooks, as recorded from real sessions.

A folder of `payloads` holds one session, its files in the order of the events; VERSION says which
program it was. Home and project are those of nobody. opencode's are what our plugin passes on of
the calls that it gets, and Cursor's are made from its documentation.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("payloads")

RECORDED_PROJECT = "/home/ada/shop"
RECORDED_FAILURE = "18777"
"""The port on which servers fail in the recorded sessions."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One event of a recorded session."""

    agent: str
    event: str
    path: Path

    def __str__(self) -> str:
        """Name it by folder and file; pytest names its tests so."""
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def text(self) -> str:
        """What was written, byte for byte but for the names of home and project."""
        return self.path.read_text(encoding="utf-8")

    def anew(self, *, project: Path | None = None, port: int | None = None) -> str:
        """Make another session's payload of it: other ids, another project, another port.

        One call of a tool is answered once, so that a payload repeated as it is gets no answer.
        """
        text = self.text
        for name in _ids(json.loads(text)):
            text = text.replace(name, str(uuid.uuid4()))
        if project is not None:
            text = text.replace(RECORDED_PROJECT, str(project))
        return text if port is None else text.replace(RECORDED_FAILURE, str(port))


def _ids(document: Mapping[str, object]) -> set[str]:
    names = (
        "session_id", "sessionId", "conversation_id", "call_id",
        "tool_use_id", "tool_call_id", "prompt_id", "turn_id", "generation_id",
    )  # fmt: skip
    return {str(document[name]) for name in names if document.get(name)}


def _agent_of(folder: str) -> str:
    return folder.partition("-")[0]


PAYLOADS = tuple(
    Payload(_agent_of(path.parent.name), path.stem.partition("-")[2], path)
    for path in sorted(FOLDER.glob("*/*.json"))
)


def payloads_of(agent: str, event: str) -> list[Payload]:
    """List an agent's payloads of one event, in the order of its session."""
    return [each for each in PAYLOADS if (each.agent, each.event) == (agent, event)]
