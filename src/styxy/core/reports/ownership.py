"""Whose a server is, seen by somebody who wants to end it: the one rule of `styxy stop` and of the
guard that looks at command lines.

One's own are the servers that this agent session has started, and those of this project that a
session has started that has ended, or somebody in a terminal. Another live session's are foreign
even in the same project, and so is a server of which no project is known. Where the facts come from
is no matter of this module: `Party` has them, for the server and for the caller alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

Relation = Literal["own", "other project", "other session", "unknown"]

SESSION_VARIABLES = {
    "CLAUDE_CODE_SESSION_ID": "claude",
    "CODEX_THREAD_ID": "codex",
    "COPILOT_AGENT_SESSION_ID": "copilot",
    "QWEN_CODE_SESSION_ID": "qwen",
}
"""The variables in which agents name their session to what they start, each with its agent."""

PID_VARIABLES = ("OPENCODE_PID",)
"""The variables of agents that name their process instead."""

VARIABLES = (*SESSION_VARIABLES, *PID_VARIABLES)
"""Every variable that `Party.variables` may have."""

AGENTS = frozenset({"claude", "codex", "copilot", "cursor", "gemini", "opencode", "qwen"})
"""The agents; a session's instance is named after one: `claude-SESSIONID`."""

AGENT_PROGRAMS = AGENTS - {"cursor"}
"""The programs below which everything is an agent's. Cursor is an editor with terminals, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A registered agent session. `pid` is the agent's process, if it is known."""

    instance_id: str
    pid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A running agent of which no session is registered. `started` as in `Party`."""

    name: str
    pid: int
    started: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A process: a server, or the caller.

    `lineage` has its own pid and those of its ancestors, upwards; `variables` those of `VARIABLES`
    that its environment has; `started` is its start time in clock ticks since boot (proc(5)), and
    `instance_id` the instance that its lease names.
    """

    project: str | None
    lineage: Sequence[int] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    started: int = 0
    instance_id: str | None = None
    noted_session: str | None = None
    """The session below whose agent it, or what has started it, was seen: the agent may be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentsAtWork:
    """The agents that are at work: the sessions that are registered, oldest first, and agents
    without one."""

    sessions: Sequence[Session] = ()
    agents: Sequence[Agent] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Whose a server is. `session` is the name of its session's instance, which `is_live` or has
    ended; None if it was started from a terminal.
    """

    relation: Relation
    project: str | None
    session: str | None
    is_live: bool

    @property
    def whose(self) -> str:
        """Say whose it is, in words that follow `belongs to`."""
        if self.relation == "unknown" or self.project is None:
            return "no project that is known"
        if self.relation == "other session":
            return f"another agent session ({self.session}), which is still at work in this project"
        if self.relation == "own":
            return "this project"
        return f"another project ({self.project})"


def ownership(server: Party, caller: Party, at_work: AgentsAtWork) -> Ownership:
    """Judge whose a server is from the caller's point of view."""
    session, is_live = session_of(server, at_work)
    return Ownership(
        relation=_relation(server, caller, at_work), project=server.project, session=session,
        is_live=is_live,
    )  # fmt: skip


def has_started(caller: Party, server: Party, at_work: AgentsAtWork) -> bool:
    """Return whether the caller's session has started a server, in whatever project."""
    session, is_live = session_of(server, at_work)
    return is_live and session == session_of(caller, at_work)[0]


def session_of(party: Party, at_work: AgentsAtWork) -> tuple[str | None, bool]:
    """Return the instance name of the session that started a process, and whether it is live.

    It is that of the nearest agent among the ancestors; else the one that the lease or the
    environment names.
    """
    names = list(_named_sessions(party))
    above = _session_above(party, at_work, names)
    if above is not None:
        return above, True
    live = {each.instance_id for each in at_work.sessions}
    known = next((name for name in names if name in live), None)
    if known is not None:
        return known, True
    by_pid = _session_by_pid(party, at_work)
    if by_pid is not None:
        return by_pid, True
    # An agent without hooks registers nothing; while one runs that may have started this process,
    # its session has not ended.
    older = {each.name for each in at_work.agents if each.started <= party.started}
    return next(iter(names), None), any(_agent_of(name) in older for name in names)


def named_session(*names: str | None) -> str | None:
    """Return the first of some names of instances that is one of an agent's session."""
    return next((name for name in names if name and is_session(name)), None)


def is_session(instance_id: str) -> bool:
    """Return whether an instance is an agent's session, by its name."""
    agent, hyphen, session = instance_id.partition("-")
    return agent in AGENTS and bool(hyphen and session)


def _relation(server: Party, caller: Party, at_work: AgentsAtWork) -> Relation:
    if server.project is None or caller.project is None:
        return "unknown"
    if server.project != caller.project:
        return "other project"
    session, is_live = session_of(server, at_work)
    if is_live and session != session_of(caller, at_work)[0]:
        return "other session"
    return "own"


def _named_sessions(party: Party) -> Iterator[str]:
    if party.instance_id is not None and is_session(party.instance_id):
        yield party.instance_id
    if party.noted_session is not None:
        yield party.noted_session
    for variable, agent in SESSION_VARIABLES.items():
        if party.variables.get(variable):
            yield f"{agent}-{party.variables[variable]}"


def _session_above(party: Party, at_work: AgentsAtWork, names: Collection[str]) -> str | None:
    agents = {each.pid: each for each in at_work.agents}
    for pid in party.lineage:
        here = [each.instance_id for each in at_work.sessions if each.pid == pid]
        # A process that has begun a new session may be registered with the old one, too.
        if here:
            return next((each for each in here if each in names), here[-1])
        if pid in agents:
            same = (name for name in names if _agent_of(name) == agents[pid].name)
            return next(same, f"{agents[pid].name}, pid {pid}")
    return None


def _session_by_pid(party: Party, at_work: AgentsAtWork) -> str | None:
    pids = {party.variables.get(variable) for variable in PID_VARIABLES}
    return next((each.instance_id for each in at_work.sessions if str(each.pid) in pids), None)


def _agent_of(instance_id: str) -> str:
    return instance_id.partition("-")[0]
