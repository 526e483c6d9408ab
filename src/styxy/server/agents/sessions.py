"""Agent sessions: registered as instances, and recognised by the processes that they started.

A session lives as long as its agent's process; one whose agent is not visible (hooks over TCP)
lives as long as its hooks are called. What is remembered of a session's tool calls lives only in
memory: it matters for seconds.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from styxy.core.decisions.requests import InstanceRequest
from styxy.core.errors import StyxyError
from styxy.core.names import INSTANCE, INSTANCE_NAMES, instance_of
from styxy.core.reports.ownership import VARIABLES, AgentsAtWork, Party, is_session, named_session
from styxy.core.reports.ownership import Session as OfAgent
from styxy.core.reports.process_tree import SHELLS

if TYPE_CHECKING:
    from styxy.core.agents.events import HookEvent
    from styxy.core.model.leases import Holder
    from styxy.server.service.service import Service

Key = TypeVar("Key")
Value = TypeVar("Value")

WRAPPERS = SHELLS | {"styxy-hook", "styxy", "env", "timeout", "nice"}
"""Programs between an agent and its hook."""

HEARTBEAT_SECONDS = 60.0
"""How often a session's calls are written down as heartbeats; each costs a commit."""

SAME_CALL_SECONDS = 2.0

MOST_SESSIONS = 200
MOST_CALLS = 50


class Session(Struct, kw_only=True):
    """One session, and what it did lately.

    `ancestors` are the agent's process and all above it, upwards. `commands` are the recent
    commands by tool call, `notices` what is yet to be said after one, and `answered` the calls that
    have been answered.
    """

    agent: str
    instance_id: str
    project: str | None = None
    holder: Holder | None = None
    ancestors: tuple[int, ...] = ()
    heard_at: float = 0.0
    is_intercepted: bool = False
    commands: OrderedDict[str, str] = field(default_factory=OrderedDict)
    notices: OrderedDict[str, str] = field(default_factory=OrderedDict)
    answered: OrderedDict[tuple[str, str], float] = field(default_factory=OrderedDict)

    @property
    def party(self) -> Party:
        """The session itself, as the one who wants to end something."""
        return Party(project=self.project, lineage=self.ancestors, instance_id=self.instance_id)

    def is_repeated(self, event: HookEvent, *, now: float) -> bool:
        """Return whether a tool call has been answered already, and note that it has been now.

        Several hook files may name Styxy, and each of them calls. Where the agent gives its calls
        no ids, the same command at almost the same time is the same call, unless it has printed
        something else since.
        """
        key = (event.kind, event.call_id or f"{event.command}\0{event.output}")
        before = self.answered.get(key)
        _remember(self.answered, key, now)
        return before is not None and (bool(event.call_id) or now - before < SAME_CALL_SECONDS)

    def note(self, event: HookEvent) -> None:
        """Remember the command of a tool call: its background task may fail later."""
        for name in filter(None, (event.call_id, event.shell_id)):
            _remember(self.commands, name, event.command)

    def recalled(self, event: HookEvent) -> HookEvent:
        """Return an event about the output of an earlier command as one of that command."""
        if event.kind != "after command" or event.command:
            return event
        return replace(event, command=self.commands.get(event.shell_id, ""))

    def postpone(self, event: HookEvent, notice: str) -> None:
        """Keep a notice until after the command."""
        _remember(self.notices, event.call_id or event.command, notice)

    def postponed(self, event: HookEvent) -> str:
        """Take the notice that was kept for this command."""
        found = self.notices.pop(event.call_id, "") if event.call_id else ""
        return found or self.notices.pop(event.command, "")


def _remember(memory: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    memory[key] = value
    while len(memory) > MOST_CALLS:
        memory.popitem(last=False)


class Sessions:
    """The sessions that have called a hook. Use it only from the loop's thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._known: OrderedDict[str, Session] = OrderedDict()

    def of(self, event: HookEvent, peer: int | None) -> Session:
        """Return the session of an event; a new one is registered.

        `peer` is the hook's process, None if it is not known.
        """
        processes = self._service.context.processes
        above = list(processes.parents(peer)) if peer is not None else []
        while above and processes.name(above[0]) in WRAPPERS:
            above.pop(0)
        holder = processes.holder(above[0]) if above else None
        name = _instance_id(event, holder)
        session = self._known.setdefault(name, Session(agent=event.speaker, instance_id=name))
        self._known.move_to_end(name)
        while len(self._known) > MOST_SESSIONS:
            self._known.popitem(last=False)
        session.ancestors = tuple(above)
        self._refresh(session, event, holder)
        return session

    def end(self, session: Session) -> None:
        """Remove a session: its reservations end, its running servers stay, and are noted."""
        self.note_servers()
        self._known.pop(session.instance_id, None)
        if session.instance_id in self._service.desk.instances:
            self._service.instances.leave(session.instance_id, keep_leases=False)

    def note_servers(self) -> None:
        """Note whose the servers are that listen now, while their agents can be seen."""
        context = self._service.context
        context.listeners.look(context.clock())
        self._service.session_servers.look()

    def at_work(self) -> AgentsAtWork:
        """Return all registered sessions, oldest first."""
        instances = self._service.desk.instances.values()
        return AgentsAtWork(
            sessions=[
                OfAgent(instance_id=each.instance_id, pid=each.holder.pid if each.holder else None)
                for each in sorted(instances, key=lambda each: each.registered_at)
                if is_session(each.instance_id)
            ]
        )

    def party(self, pid: int, *, project: str | None, leased_to: str | None = None) -> Party:
        """Describe a process for the rule of `ownership`.

        What it was told of its session by Styxy counts for as much as what its lease says.
        """
        processes = self._service.context.processes
        variables = processes.variables(pid, *VARIABLES, *INSTANCE_NAMES)
        parents = tuple(processes.parents(pid))
        return Party(
            project=project,
            lineage=(pid, *parents),
            variables=variables,
            instance_id=named_session(leased_to, instance_of(variables)),
            noted_session=self._service.session_servers.session_of((pid, *parents)),
        )

    def _refresh(self, session: Session, event: HookEvent, holder: Holder | None) -> None:
        context = self._service.context
        now = context.clock()
        if event.directory is not None and (
            session.project is None or event.kind == "session start"
        ):
            session.project = _project(self._service, event.directory)
        is_known = session.instance_id in self._service.desk.instances
        is_heard = now - session.heard_at < HEARTBEAT_SECONDS
        if is_known and is_heard and session.holder == holder:
            return
        request = InstanceRequest(
            instance_id=session.instance_id,
            holder=holder,
            working_directory=event.directory,
            project=session.project,
            metadata=json.dumps(self._about(session, event)),
        )
        try:
            self._service.instances.register(request)
        except StyxyError:
            return  # the journal cannot be written; advice needs no registration
        session.heard_at, session.holder = now, holder

    def _about(self, session: Session, event: HookEvent) -> dict[str, str | None]:
        project, projects = session.project, self._service.context.projects
        branch = projects.branch_of(project) if project is not None else None
        return {"agent": session.agent, "session_id": event.session_id, "branch": branch}


def shown(instance_id: str) -> str:
    """Write a session for people: `claude 1a224700`."""
    agent, _, identity = instance_id.partition("-")
    return f"{agent} {identity[:8]}".strip()


def _instance_id(event: HookEvent, holder: Holder | None) -> str:
    identity = event.session_id or str(holder.pid if holder is not None else "unknown")
    name = f"{event.speaker}-{identity}"
    if INSTANCE.fullmatch(name):
        return name
    return "".join(each if INSTANCE.fullmatch(each) else "_" for each in name)[:100]


def _project(service: Service, directory: str) -> str | None:
    try:
        return service.context.projects.at(directory)
    except StyxyError:
        return None  # no path that this system could have
