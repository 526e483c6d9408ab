"""Questions and reports from guests: programs that contain the native library, or that it
supervises.

A guest whose bind met a conflict asks once; one that starts listening reports it without waiting.
Each speaks for itself, and the kernel identifies the process.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from styxy.core.commands.programs import service_type_of_program
from styxy.core.decisions.moves import decide_move, named_type
from styxy.core.decisions.requests import MoveRequest
from styxy.core.errors import Conflict, RangeExhausted
from styxy.core.model.leases import Owner
from styxy.core.model.service_types import FALLBACK
from styxy.server.world.listeners import GuestReport

if TYPE_CHECKING:
    from styxy.core.decisions.requests import MoveAnswer
    from styxy.core.model.ports import Port
    from styxy.core.protocol.wire import BindQuestion, ListenNote
    from styxy.server.service.committer import Committer
    from styxy.server.world.context import Context
    from styxy.server.world.listeners import Transport


class Interception:
    """Answers the native library."""

    def __init__(self, committer: Committer, context: Context) -> None:
        self._committer = committer
        self._desk = committer.desk
        self._context = context

    def move(self, question: BindQuestion, *, pid: int, project: str | None) -> MoveAnswer:
        """Answer a guest whose bind met a conflict. `pid` is the peer that the kernel names.

        `project` is the canonical path of the one that it speaks for. Raises `Conflict` where the
        process has ended meanwhile.
        """
        request = self._request(question, pid=pid, project=project)
        context = self._context
        decide = partial(
            decide_move, self._desk, request, lock_id=context.new_id(), now=context.clock()
        )
        try:
            return self._committer.try_and_commit(
                decide, is_free=partial(self._is_at_rest, request)
            )
        except RangeExhausted:
            # Servers that came and went in the last minute may have left all others in TIME_WAIT.
            is_free = partial(context.kernel.is_free, protocol=request.protocol)
            return self._committer.try_and_commit(decide, is_free=is_free)

    def _is_at_rest(self, request: MoveRequest, port: Port) -> bool:
        """Probe a port for a guest; a new place should have no old connections on it if possible.

        Its previous place may have some, and its library binds over them: a restart must not move
        it.
        """
        kernel = self._context.kernel
        remembered = self._desk.remembered.moves.get((request.owner.key, request.asked))
        if remembered is not None and remembered.port == port:
            return kernel.is_free(port, request.protocol)
        return kernel.can_bind(port, request.protocol)

    def on_listen(self, note: ListenNote, pid: int) -> None:
        """Process a guest's report of a listening socket; this commits its move."""
        now = self._context.clock()
        holder = self._context.processes.holder(pid)
        transport: Transport = "udp" if note.protocol == "udp" else "tcp"
        self._context.listeners.look_at(note.port, now)
        if holder is not None:
            project = self._context.projects.resolve(note.project)
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

    def _request(self, question: BindQuestion, *, pid: int, project: str | None) -> MoveRequest:
        """Join a question with what the kernel and /proc tell of its process and its ports.

        Who listens on the asked port matters only where just one of a kind may run, or where the
        number is in use by another program: finding a process costs milliseconds.
        """
        processes, asked = self._context.processes, question.port
        holder = processes.holder(pid)
        if holder is None:
            raise Conflict(f"process {pid} has ended")
        catalogue = self._desk.catalogue
        named = named_type(catalogue, asked, question.service_type)
        # What a program is known for takes reading its command line, and counts only then.
        command = processes.command(pid) if named is None else None
        kind = named or catalogue.get(FALLBACK)
        is_shadowed = question.reason == "shadowed"
        failed = {asked} if question.reason == "inuse" else set()
        if question.lost is not None:
            failed.add(question.lost)
        for port in failed | ({asked} if is_shadowed or kind.is_singleton else set()):
            self._context.listeners.look_at(port, self._context.clock())
        return MoveRequest(
            asked=asked,
            owner=Owner(project=project, instance_id=question.instance_id),
            holder=holder,
            image_id=question.image_id,
            reason=question.reason,
            protocol=question.protocol,
            process=processes.name(pid) or "",
            service_type=question.service_type,
            inferred_type=service_type_of_program(command) if command else None,
            lost=question.lost,
            is_foreign=not is_shadowed or self._is_foreign(asked, project),
            listener=self._listener(asked) if kind.is_singleton else None,
            own=self._own(question, failed),
            ephemeral=self._context.ephemeral,
        )

    def _own(self, question: BindQuestion, failed: set[Port]) -> frozenset[int]:
        """Return which of the ports that it could not bind are this very server's alone."""
        transport: Transport = "udp" if question.protocol == "udp" else "tcp"
        image_ids, alone = self._context.listeners.image_ids, {question.image_id}
        return frozenset(port for port in failed if image_ids(port, transport) == alone)

    def _listener(self, port: Port) -> int | None:
        """Return the process listening on a port: 0 if it is not visible, None if there is none."""
        pids = [each.pid for each in self._context.listeners.sightings(port)]
        return next((pid for pid in pids if pid is not None), 0) if pids else None

    def _is_foreign(self, port: Port, project: str | None) -> bool:
        """Return whether a server of another project is listening on a port."""
        sightings = self._context.listeners.sightings(port)
        projects = {
            each.report.project if each.report else self._project(each.pid) for each in sightings
        }
        return bool(projects - {project})

    def _project(self, pid: int | None) -> str | None:
        if pid is None:
            return None
        held = self._desk.lease_index.of_pid(pid)
        return held[0].owner.project if held else self._context.projects.of(pid)
