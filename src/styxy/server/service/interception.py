"""What guests ask and say: the programs in which the native library sits, or that it watches over.

A guest whose bind met a conflict asks once; one that listens says so without waiting. Both speak
for themselves, and the kernel says which process it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.commands.programs import service_type_of_program
from styxy.core.decisions.moves import service_type_of
from styxy.core.decisions.requests import MoveRequest
from styxy.core.errors import Conflict, RangeExhausted
from styxy.core.model.leases import Owner
from styxy.server.world.listeners import GuestReport

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from styxy.core.decisions.requests import MoveAnswer, Ruling
    from styxy.core.model.ports import Port
    from styxy.core.protocol.wire import BindQuestion, ListenNote
    from styxy.server.service.committer import Committer
    from styxy.server.world.listeners import Transport


class Interception:
    """Answer the native library."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._desk = committer.desk
        self._context = committer.context

    def move(self, question: BindQuestion, *, pid: int) -> MoveAnswer:
        """Answer a guest whose bind met a conflict. `pid` is the peer that the kernel names.

        Raises `Conflict` where the process has ended meanwhile.
        """
        request = self._request(question, pid)
        context = self._context

        def decide(taken: Collection[int]) -> Ruling[MoveAnswer]:
            return self._desk.move(
                request, lock_id=context.new_id(), now=context.clock(), taken=taken
            )

        def choose(is_free: Callable[[Port], bool]) -> MoveAnswer:
            return self._committer.try_and_commit(
                decide, is_free=is_free, commit=self._committer.commit
            )

        try:
            return choose(lambda port: self._is_at_rest(port, request))
        except RangeExhausted:
            # Servers that came and went in the last minute may have left TIME_WAIT on all others.
            return choose(lambda port: context.kernel.is_free(port, request.protocol))

    def _is_at_rest(self, port: Port, request: MoveRequest) -> bool:
        """Try a port for a guest; a new place has, if possible, no old connections on it.

        The place that it had may have some, which its library binds over: a restart must not move
        it.
        """
        kernel = self._context.kernel
        remembered = self._desk.state.remembered.moves.get((request.owner.key, request.asked))
        if remembered is not None and remembered.port == port:
            return kernel.is_free(port, request.protocol)
        return kernel.can_bind(port, request.protocol)

    def on_listen(self, note: ListenNote, pid: int) -> None:
        """Take in what a guest says of a socket that listens now; its move is committed by it."""
        now = self._context.clock()
        holder = self._context.processes.holder(pid)
        transport: Transport = "udp" if note.protocol == "udp" else "tcp"
        self._context.listeners.look_at(note.port, now)
        if holder is not None:
            project = self._context.projects.at(note.project) if note.project else None
            report = GuestReport(
                image_id=note.image_id,
                project=project,
                repo=note.repo,
                service_type=note.service_type,
            )
            self._context.listeners.add_report(
                note.cookie, holder=holder, report=report, transport=transport
            )
            self._context.port_map_sync.invalidate(note.port)
        self._context.port_map_sync.refresh(note.port)
        in_use = {*self._desk.lease_index.bound, note.port}
        self._committer.commit(self._desk.seen(in_use, now=now).events)

    def _request(self, question: BindQuestion, pid: int) -> MoveRequest:
        processes = self._context.processes
        project = self._context.projects.at(question.project) if question.project else None
        owner = Owner(project=project, instance_id=question.instance_id)
        holder = processes.holder(pid)
        if holder is None:
            raise Conflict(f"process {pid} has ended")
        return MoveRequest(
            asked=question.port,
            owner=owner,
            holder=holder,
            image_id=question.image_id,
            reason=question.reason,
            protocol=question.protocol,
            process=processes.name(pid) or "",
            service_type=question.service_type,
            inferred_type=service_type_of_program(processes.command(pid) or ()),
            lost=question.lost,
            is_foreign=question.reason != "shadowed" or self._is_foreign(question.port, owner),
            listener=self._singleton_on(question),
            own=self._own(question),
            passing=self._context.passing,
        )

    def _own(self, question: BindQuestion) -> frozenset[int]:
        """Say on which of the ports that it could not bind this very server listens, alone."""
        transport: Transport = "udp" if question.protocol == "udp" else "tcp"
        listeners = self._context.listeners
        asked = question.port if question.reason == "inuse" else None
        failed = {port for port in (asked, question.lost) if port is not None}
        for port in failed:
            listeners.look_at(port, self._context.clock())
        alone = {question.image_id}
        return frozenset(port for port in failed if listeners.image_ids(port, transport) == alone)

    def _singleton_on(self, question: BindQuestion) -> int | None:
        """Say who listens on the asked port, where only one of its kind may run.

        For every other kind it does not matter, and finding a process costs milliseconds.
        """
        kind = service_type_of(self._desk.catalogue, question.port, declared=question.service_type)
        if not kind.is_singleton:
            return None
        self._context.listeners.look_at(question.port, self._context.clock())
        pids = [each.pid for each in self._context.listeners.sightings(question.port)]
        return next((pid for pid in pids if pid is not None), 0) if pids else None

    def _is_foreign(self, port: Port, owner: Owner) -> bool:
        self._context.listeners.look_at(port, self._context.clock())
        sightings = self._context.listeners.sightings(port)
        projects = {
            each.report.project if each.report else self._project(each.pid) for each in sightings
        }
        return bool(projects - {owner.project})

    def _project(self, pid: int | None) -> str | None:
        if pid is None:
            return None
        held = self._desk.lease_index.of_pid(pid)
        return held[0].owner.project if held else self._context.projects.of(pid)
