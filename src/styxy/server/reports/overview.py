"""Everything that the page and the terminal view show, kept ready and told in increments.

Theory of operation. Each port has the revision in which it last changed, and so has each project
and each of the short lists. A question names the revision that its sender knows and gets what is
newer.
Events and looks at the kernel only note which ports are stale; they are described when somebody
asks, a few at a time, so that ten thousand leases and two thousand listeners hold up nobody, and
that a daemon without viewers does nothing.

Some things change unseen: a process becomes another program, a worktree gets another branch. While
somebody looks, a few ports and projects a second are described again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from styxy import __version__
from styxy.adapters.processes import user_name
from styxy.adapters.projects import git
from styxy.core.books import events as kinds
from styxy.core.errors import Unavailable
from styxy.core.model.ports import Port
from styxy.core.protocol.audit.entries import audit_entry
from styxy.core.protocol.scalars import rfc3339
from styxy.core.protocol.views.overview import (
    OverviewAnswer,
    OverviewPort,
    OverviewProject,
    listed_first,
    overview_instance,
    overview_port,
    overview_range,
)
from styxy.core.reports.overview import PortMarks, nearly_full
from styxy.core.reports.port_report import port_report
from styxy.server.net.responses import encoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from styxy.core.books.events import Event
    from styxy.core.protocol.audit.shapes import AuditEvent
    from styxy.core.reports.port_report import Usage
    from styxy.server.reports.warnings import Warnings
    from styxy.server.service.event_stream import EventStream
    from styxy.server.service.service import Service
    from styxy.server.world.listeners import Transport

log = logging.getLogger(__name__)

SLICE = 200
"""Ports of which one turn of the loop asks who listens there, or whose leases it converts: 4 ms."""

AGAIN = 20
"""Ports, and projects, that are described again each second while somebody looks."""

ROUND_SECONDS = 0.02
"""After this time, the projects that are left wait for the next second."""

FEW_PROJECTS = 1000
"""As many are never looked through for those that nothing belongs to any more."""

MOST_EVENTS = 100
WARNING_SECONDS = 10.0
"""How long the warnings hold: the checks behind them write to the disk."""

UNSEEN = frozenset({
    kinds.Heard, kinds.Dated, kinds.Remembered, kinds.MoveRemembered, kinds.Forgotten,
    kinds.MoveForgotten, kinds.Asked, kinds.AskForgotten, kinds.Attributed, kinds.Probed,
})  # fmt: skip
"""Events that tell a person nothing."""


class _Entry(Struct, frozen=True, kw_only=True):
    """What is shown of a port since a revision, also encoded; None: nothing any more."""

    revision: int
    shown: OverviewPort | None
    raw: msgspec.Raw


_NOTHING = _Entry(revision=0, shown=None, raw=msgspec.Raw())


class Overview:
    """Answers GET /overview. Use it from the loop's thread."""

    def __init__(self, service: Service, stream: EventStream, warnings: Warnings) -> None:
        self._service = service
        self._stream = stream
        self._warnings = warnings
        # No revision of an earlier daemon is one of this one.
        self._first = self.revision = int(service.context.started_at * 1000)
        self._lock = asyncio.Lock()
        self._has_begun = False
        self._stale: set[Port] = set()
        self._ports: dict[Port, _Entry] = {}
        self._projects: dict[str, tuple[int, OverviewProject]] = {}
        self._most_projects = FEW_PROJECTS
        self._marks = PortMarks()
        self._lists: dict[str, tuple[int, Any]] = {}
        self._events: deque[tuple[int, AuditEvent]] = deque(maxlen=MOST_EVENTS)
        self._warned = float("-inf")
        self._next_again = 0
        self._again: asyncio.Task[None] | None = None
        service.context.listeners.on_change(self._on_listeners)

    def on_events(self, events: Sequence[Event]) -> None:
        """Note what was just committed."""
        if not self._has_begun:
            return
        first = self._service.context.journal.last_seq - len(events) + 1
        for seq, event in enumerate(events, start=first):
            self._note(event, seq)
        self._stream.announce()

    def on_sweep(self) -> None:
        """Look again at a few things that may have changed unseen, if anybody looks."""
        if not self._has_begun or not self._stream.has_viewers:
            return
        if self._warnings.look():
            self._warned = float("-inf")  # what was found now is told now
        if not self._again or self._again.done():
            self._again = asyncio.get_running_loop().create_task(self._look_again())

    def stop(self) -> None:
        """Begin nothing any more."""
        self._warnings.stop()

    async def answer(self, since: int | None, *, first: int | None = None) -> OverviewAnswer:
        """Return everything, or what is newer than a revision of this daemon; with `first`, at most
        so many ports, those that a list begins with, and their projects.
        """
        async with self._lock:
            await self._refresh()
        is_known = since is not None and self._first <= since <= self.revision
        after = since if since is not None and is_known else -1
        if len(self._projects) > self._most_projects:
            self._forget_projects()
        ports = sorted(port for port, each in self._ports.items() if each.revision > after)
        shown = [each.shown for port in ports if (each := self._ports[port]).shown is not None]
        projects = [each for revision, each in self._projects.values() if revision > after]
        if first is not None:
            known = {path: each for path, (_, each) in self._projects.items()}
            shown = listed_first(shown, known, first)
            used = {path for each in shown for path in _projects_of(each)}
            projects = [each for each in projects if each.path in used]
        return OverviewAnswer(
            revision=self.revision,
            complete=not is_known,
            version=__version__,
            pid=self._service.context.pid,
            started_at=rfc3339(self._service.context.started_at),
            # Encoded already, each once: ten thousand would take the loop 25 ms in each answer.
            ports=[
                self._ports[Port(each.port)].raw  # type: ignore[misc]  # msgspec copies what is encoded
                for each in shown
            ],
            gone=[port for port in ports if self._ports[port].shown is None] if is_known else [],
            projects=projects,
            events=[entry for revision, entry in self._events if revision > after],
            **{name: value for name, (revision, value) in self._lists.items() if revision > after},
        )

    def _on_listeners(self, transport: Transport, ports: set[Port]) -> None:
        if not self._has_begun:
            return
        if transport == "udp":  # the sockets of clients come and go all the time
            context = self._service.context
            index = self._service.desk.lease_index
            ports = {p for p in ports if p not in context.ephemeral or index.on_port(p)}
        if ports:
            self._stale |= ports
            self._stream.announce()

    def _note(self, event: Event, seq: int) -> None:
        port: Port | None = event.lease.port if isinstance(event, kinds.Leased) else None
        if isinstance(
            event,
            kinds.Released | kinds.Bound | kinds.Unbound | kinds.Passed | kinds.Dated
            | kinds.Reassigned,
        ):  # fmt: skip
            port = event.port
        if port is not None:
            self._stale.add(port)
        if type(event) not in UNSEEN:
            entry = audit_entry(event, seq=seq, name_of=user_name)
            self._events.append((self.revision + 1, entry))

    async def _refresh(self) -> None:
        """Describe what is stale, and begin a new revision if something is different."""
        context = self._service.context
        now = context.clock()
        tcp, udp = context.listeners.look(now), context.listeners.look_at_udp(now)
        if not self._has_begun:
            self._begin({*tcp, *udp, *(lease.port for lease in self._service.desk.lease_index)})
        new = self.revision + 1
        is_new = False
        while self._stale:
            ports = list(islice(self._stale, SLICE))
            self._stale.difference_update(ports)
            try:
                is_new |= await self._describe(ports, new)
            except Unavailable:
                self._stale.update(ports)
                raise
            await asyncio.sleep(0)
        is_new |= self._renew_lists(new)
        is_new |= bool(self._events) and self._events[-1][0] == new
        if is_new:
            self.revision = new

    def _begin(self, ports: set[Port]) -> None:
        self._has_begun = True
        self._stale = ports
        journal = self._service.context.journal
        for seq, event in journal.read_back(kind=None, since=None, limit=3 * MOST_EVENTS):
            self._note(event, seq)
        self._stale = ports

    async def _describe(self, ports: Sequence[Port], new: int) -> bool:
        """Describe some ports anew; return whether any is different."""
        desk, is_new = self._service.desk, False
        leases = {port: lease for port in ports if (lease := desk.lease_index.on_port(port))}
        usages = await self._service.context.port_usage.some(ports, leased=leases)
        usage_of = {usage.port: usage for usage in usages}
        for port in ports:
            # Not from above: it may have ended while the processes were asked.
            lease, usage = desk.lease_index.on_port(port), usage_of.get(port)
            known = self._ports.get(port, _NOTHING).shown
            found = None
            if lease is not None or usage is not None:
                report = port_report(port, lease=lease, usage=usage, catalogue=desk.catalogue)
                found = overview_port(report, user=_user(usage), is_own=_is_own(usage))
            if found == known:
                continue
            is_new = True
            raw = msgspec.Raw(encoded(found) if found is not None else b"")
            self._ports[port] = _Entry(revision=new, shown=found, raw=raw)
            self._marks.mark(port, is_leased=lease is not None, is_listening=usage is not None)
            for path in _projects_of(found):
                if path not in self._projects:
                    self._describe_project(path, new)
                    await asyncio.sleep(0)  # it may have waited for a disk
        return is_new

    def _describe_project(self, path: str, new: int) -> bool:
        """Describe a project anew; return whether it is different."""
        projects = self._service.context.projects
        unknown: tuple[str | None, str | None, bool] = (None, None, False)
        common, branch, is_linked = projects.lookups.ask(_worktree, path, otherwise=unknown)
        found = OverviewProject(
            path=path,
            shown=projects.shown(path),
            repo=_repo(common),
            branch=branch,
            is_linked=is_linked,
        )
        if self._projects.get(path, (0, None))[1] == found:
            return False
        self._projects[path] = (new, found)
        return True

    def _forget_projects(self) -> None:
        """Forget the projects that nothing belongs to any more."""
        used = {path for each in self._ports.values() for path in _projects_of(each.shown)}
        used |= {each.project for each in self._service.desk.instances.values() if each.project}
        for path in self._projects.keys() - used:
            del self._projects[path]
        self._most_projects = max(FEW_PROJECTS, 2 * len(self._projects))

    def _renew_lists(self, new: int) -> bool:
        """Make the short lists; return whether any is different."""
        ranges = list(self._marks.ranges(self._service.desk.catalogue))
        lists: dict[str, object] = {
            "instances": list(self._instances()),
            "ranges": [overview_range(each) for each in ranges],
        }
        if time.monotonic() >= self._warned + WARNING_SECONDS or "warnings" not in self._lists:
            self._warned = time.monotonic()
            lists["warnings"] = [*self._warnings.sentences(), *nearly_full(ranges)]
        different = {
            name: (new, value)
            for name, value in lists.items()
            if self._lists.get(name, (0, None))[1] != value
        }
        self._lists |= different
        return bool(different)

    def _instances(self) -> Iterator[object]:
        desk = self._service.desk
        if not desk.instances:
            return
        ports: dict[str, list[int]] = {name: [] for name in desk.instances}
        for entry in self._ports.values():
            each = entry.shown
            if each is not None and each.instance_id in ports:
                ports[each.instance_id].append(each.port)
        known = sorted(desk.instances.values(), key=lambda each: each.registered_at)
        for instance in known:
            if instance.project is not None and instance.project not in self._projects:
                self._describe_project(instance.project, self.revision + 1)
            yield overview_instance(instance, ports[instance.instance_id])

    async def _look_again(self) -> None:
        listening = sorted(self._service.context.listeners.ports("tcp"))
        begin = self._next_again % max(len(listening), 1)
        self._next_again = begin + AGAIN
        async with self._lock:
            try:
                is_new = await self._describe(listening[begin : begin + AGAIN], self.revision + 1)
            except Unavailable as error:
                log.warning("overview: %s", error.message)
                return
            is_new |= await self._look_at_projects_again()
            is_new |= self._renew_lists(self.revision + 1)
            if is_new:
                self.revision += 1
                self._stream.announce()

    async def _look_at_projects_again(self) -> bool:
        """Describe a few projects again, fewer if the disk is slow; return whether any is new."""
        is_new, end = False, time.monotonic() + ROUND_SECONDS
        for path in list(self._projects)[:AGAIN]:
            is_new |= self._describe_project(path, self.revision + 1)
            self._projects[path] = self._projects.pop(path)  # behind the others
            await asyncio.sleep(0)
            if time.monotonic() >= end:
                break
        return is_new


def _worktree(project: str) -> tuple[str | None, str | None, bool]:
    """Return the directory that a repo's worktrees share, the branch, and whether it is linked."""
    return git.common_directory(project), git.branch_of(project), git.is_linked(project)


def _projects_of(port: OverviewPort | None) -> set[str]:
    """Return whose a port is, and whose it is promised to."""
    if port is None:
        return set()
    named = (port.project, port.lease.project if port.lease else None)
    return {each for each in named if each is not None}


def _repo(common: str | None) -> str | None:
    """Return the directory that people call the repo."""
    if common is None or os.path.basename(common) != ".git":
        return common
    return os.path.dirname(common)


def _is_own(usage: Usage | None) -> bool:
    return usage is not None and usage.uid == os.geteuid()


def _user(usage: Usage | None) -> str | None:
    if usage is None or usage.uid is None:
        return None
    return user_name(usage.uid) or str(usage.uid)
