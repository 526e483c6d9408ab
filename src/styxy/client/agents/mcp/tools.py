"""The table of tools: what each is called, does and answers, and what a client may expect of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations

from styxy.client.agents.mcp.reading import DaemonLog, ReadingTools
from styxy.client.agents.mcp.writing import StopReport, WritingTools
from styxy.client.inspection.waiting import Outcome
from styxy.core.json_data import object_schema
from styxy.core.protocol.config import ConfigAnswer
from styxy.core.protocol.daemon import MetricsAnswer, StatusAnswer
from styxy.core.protocol.leases import (
    AllocateAnswer,
    AllocationsAnswer,
    CleanupAnswer,
    ReleaseAnswer,
)
from styxy.core.protocol.views.ports import CheckAnswer, SuggestAnswer
from styxy.core.reports.who_report import WhoReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from styxy.client.cli.command import Caller

_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
_TAKES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
_ENDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One tool: its function, the shape of its answer, and what a client may expect."""

    name: str
    title: str
    run: Callable[..., Any]
    answer: type
    hints: ToolAnnotations


_Reading = partial(Entry, hints=_READS)
_Ending = partial(Entry, hints=_ENDS)


WRITING = ("allocate", "release", "stop", "cleanup")
"""The names of the tools that change something."""


def reading(caller: Caller) -> list[Entry]:
    """List the tools that change nothing."""
    tools = ReadingTools(caller)
    return [
        _Reading(
            name="check",
            title="Check a port",
            run=tools.check,
            answer=CheckAnswer,
        ),
        _Reading(
            name="who",
            title="Who is on a port",
            run=tools.who,
            answer=WhoReport,
        ),
        _Reading(
            name="list",
            title="List leases",
            run=tools.list_leases,
            answer=AllocationsAnswer,
        ),
        _Reading(
            name="suggest",
            title="Suggest free ports",
            run=tools.suggest,
            answer=SuggestAnswer,
        ),
        _Reading(
            name="wait",
            title="Wait for a server",
            run=tools.wait,
            answer=Outcome,
        ),
        *_of_the_daemon(tools),
    ]


def _of_the_daemon(tools: ReadingTools) -> list[Entry]:
    return [
        _Reading(
            name="status",
            title="State of the daemon",
            run=tools.status,
            answer=StatusAnswer,
        ),
        _Reading(
            name="daemon_log",
            title="Log of the daemon",
            run=tools.daemon_log,
            answer=DaemonLog,
        ),
        _Reading(
            name="config",
            title="Configuration",
            run=tools.config,
            answer=ConfigAnswer,
        ),
        _Reading(
            name="metrics",
            title="Metrics of the daemon",
            run=tools.metrics,
            answer=MetricsAnswer,
        ),
    ]


def writing(caller: Caller) -> list[Entry]:
    """List the tools that change something."""
    tools = WritingTools(caller)
    return [
        Entry(
            name="allocate",
            title="Lease a port",
            run=tools.allocate,
            answer=AllocateAnswer,
            hints=_TAKES,
        ),
        _Ending(
            name="release",
            title="Release a lease",
            run=tools.release,
            answer=ReleaseAnswer,
        ),
        _Ending(
            name="stop",
            title="Stop a server",
            run=tools.stop,
            answer=StopReport,
        ),
        _Ending(
            name="cleanup",
            title="Clean up leases",
            run=tools.cleanup,
            answer=CleanupAnswer,
        ),
    ]


def registered(entry: Entry) -> Tool:
    """Make the SDK's tool, with the schema of the API's own answer."""
    tool = Tool.from_function(
        entry.run,
        name=entry.name,
        title=entry.title,
        description=" ".join((entry.run.__doc__ or "").split()),
        annotations=entry.hints,
    )
    tool.parameters["additionalProperties"] = False  # a misspelled one would be ignored
    tool.fn_metadata.output_schema = object_schema(entry.answer)
    return tool
