"""Watching for programs that compare: evidence is gathered here, and decided on by the desk.

A program that a bind of was moved is a suspect for as long as it may have been a probe: it has read
the port of the moved socket (its library says so), and closed the socket within a second without
having had a connection. If the same image then binds another port, or exits with a failure of its
own, it has compared. A suspect whose socket still serves after a second is none.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.decisions.learning import decide_compared, decide_failed
from styxy.core.errors import Unavailable
from styxy.core.model.programs import SIDE_PORTS, Evidence
from styxy.server.world.probes import SERVING_SECONDS

if TYPE_CHECKING:
    from styxy.core.books.events import Event
    from styxy.core.decisions.requests import MoveRequest, Ruling
    from styxy.core.model.leases import Holder
    from styxy.core.model.ports import Port
    from styxy.core.model.programs import Program, ProgramId, Sign
    from styxy.core.protocol.wire import ListenNote, NameNote
    from styxy.server.service.committer import Committer
    from styxy.server.world.context import Context

log = logging.getLogger(__name__)

MOST_SUSPECTS = 200
"""Moves that are watched at a time; the oldest gives way."""

LAST_FAILURE = 127
"""Statuses above it stand for signals: a shell's, or of a program that catches Ctrl-C."""


class Suspect(Struct, kw_only=True):
    """A move that may have been a probe. Times are seconds since the epoch.

    `is_closed`: its socket was closed in time. `other` is another port that the image has bound
    since, at `other_at`.
    """

    program_id: ProgramId
    name: str
    request: MoveRequest
    got: Port
    moved_at: float
    has_read_name: bool = False
    is_closed: bool = False
    other: Port | None = None
    other_at: float = 0.0


class Learning:
    """Gather evidence about programs that were moved, and about steered ones that end."""

    def __init__(self, committer: Committer, context: Context) -> None:
        self._committer = committer
        self._context = context
        self._suspects: dict[tuple[str, Port], Suspect] = {}
        self._steered: dict[Holder, tuple[ProgramId, str, str]] = {}

    def on_moved(
        self, request: MoveRequest, got: Port, program_id: ProgramId, *, name: str
    ) -> None:
        """Watch a program whose TCP bind was moved."""
        key = (request.image_id, got)
        self._suspects[key] = Suspect(
            program_id=program_id,
            name=name,
            request=request,
            got=got,
            moved_at=self._context.clock(),
        )
        self._context.exits.follow(request.holder, self._on_exit)
        while len(self._suspects) > MOST_SUSPECTS:
            self._drop(next(iter(self._suspects)))

    def on_refused(self, request: MoveRequest, program_id: ProgramId, *, name: str) -> None:
        """Watch a steered program that has to find its own way."""
        if len(self._steered) < MOST_SUSPECTS:
            self._steered[request.holder] = (program_id, name, request.image_id)
            self._context.exits.follow(request.holder, self._on_exit)

    def on_name(self, note: NameNote) -> None:
        """Take in that a program has read where its socket was moved."""
        suspect = self._suspects.get((note.image_id, note.port))
        if suspect is not None:
            suspect.has_read_name = True

    def on_listen(self, note: ListenNote) -> None:
        """Take in that a program listens on a port: the one that it was given, or another."""
        for key, suspect in list(self._suspects.items()):
            if key[0] != note.image_id:
                continue
            if note.port == suspect.got:
                if suspect.is_closed:
                    self._drop(key)  # it takes what it was given
            elif note.port not in SIDE_PORTS and suspect.other is None:
                suspect.other, suspect.other_at = note.port, self._context.clock()
                self._note_closed(suspect)  # a sweep may come too late to see it

    def look(self) -> None:
        """Judge the suspects, at each sweep."""
        now = self._context.clock()
        for key, suspect in list(self._suspects.items()):
            self._note_closed(suspect)
            if not suspect.is_closed and now - suspect.moved_at >= SERVING_SECONDS:
                self._drop(key)
            elif suspect.other is not None and now - suspect.other_at >= SERVING_SECONDS:
                self._drop(key)
                self._convict(suspect, "bound another port", suspect.other)

    def _on_exit(self, holder: Holder, status: int | None) -> None:
        code = os.waitstatus_to_exitcode(status) if status is not None else 0
        has_failed = 0 < code <= LAST_FAILURE
        for key, suspect in list(self._suspects.items()):
            if suspect.request.holder == holder:
                del self._suspects[key]
                self._judge_ended(suspect, code, has_failed=has_failed)
        steered = self._steered.pop(holder, None)
        if steered is not None and has_failed:
            program_id, name, image_id = steered
            if not self._context.steered.has_listened(image_id):
                now = self._context.clock()
                self._commit(decide_failed(self._committer.desk, program_id, name=name, now=now))

    def _judge_ended(self, suspect: Suspect, code: int, *, has_failed: bool) -> None:
        is_in_time = self._context.clock() - suspect.moved_at < SERVING_SECONDS
        if not suspect.has_read_name:
            return
        if not suspect.is_closed and not (is_in_time and self._is_gone(suspect)):
            return
        if suspect.other is not None:
            self._convict(suspect, "bound another port", suspect.other)
        elif has_failed:
            self._convict(suspect, "exited", code)

    def _note_closed(self, suspect: Suspect) -> None:
        if not suspect.is_closed:
            suspect.is_closed = suspect.has_read_name and self._is_gone(suspect)

    def _is_gone(self, suspect: Suspect) -> bool:
        """Return whether the moved socket is closed, and nobody was connected to it."""
        context = self._context
        context.listeners.look_at(suspect.got, context.clock())
        return not (
            context.listeners.is_in_use(suspect.got)
            or context.kernel.is_bound_inactive(suspect.got)
            or self._context.probes.was_connected(suspect.got, suspect.moved_at)
        )

    def _convict(self, suspect: Suspect, sign: Sign, number: int) -> None:
        now, request = self._context.clock(), suspect.request
        evidence = Evidence(
            sign=sign,
            number=number,
            asked=request.asked,
            got=suspect.got,
            project=request.owner.project,
            at=now,
        )
        self._commit(
            decide_compared(
                self._committer.desk, suspect.program_id, evidence, name=suspect.name, now=now
            )
        )

    def _commit(self, ruling: Ruling[Program]) -> None:
        events: tuple[Event, ...] = ruling.events
        try:
            self._committer.commit(events)
        except Unavailable as error:
            log.warning("what was learned of a program is lost: %s", error.message)
            return
        if events:
            program = ruling.answer
            log.info("learned of %s: %s", program.name, program.learned or "one sign")

    def _drop(self, key: tuple[str, Port]) -> None:
        suspect = self._suspects.pop(key)
        holder = suspect.request.holder
        is_watched = any(each.request.holder == holder for each in self._suspects.values())
        if not is_watched and holder not in self._steered:
            self._context.exits.forget(holder)
