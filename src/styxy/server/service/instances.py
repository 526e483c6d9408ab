"""Instances from registration to their end, and checks for silent ones."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from styxy.core.decisions.instances import (
    decide_gone,
    decide_heartbeat,
    decide_leave_keeping,
    decide_register,
    find,
    find_silent,
    held_by,
    with_holder,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from styxy.core.books.events import InstanceEnding
    from styxy.core.decisions.requests import InstanceRequest
    from styxy.core.model.instances import Instance
    from styxy.core.model.leases import Holder, Lease
    from styxy.core.model.ports import Port
    from styxy.server.service.committer import Committer

log = logging.getLogger(__name__)


class Instances:
    """Register instances and see them off. Times are seconds since the epoch.

    Nobody was heard before `started_at`; `listening` names the ports in use at a time, `heir` a
    process that has the socket of one.
    """

    def __init__(
        self,
        committer: Committer,
        *,
        started_at: float,
        listening: Callable[[float], frozenset[Port]],
        heir: Callable[[Port], Holder | None],
    ) -> None:
        self._committer = committer
        self._desk = committer.desk
        self._started_at = started_at
        self._listening = listening
        self._heir = heir
        self._misses: Mapping[str, int] = {}

    def register(self, request: InstanceRequest) -> Instance:
        """Register an instance, or refresh it. Raises `InvalidInput`."""
        ruling = decide_register(self._desk, request, now=self._committer.clock())
        self._committer.commit(ruling.events)
        return ruling.answer

    def heartbeat(self, instance_id: str) -> Instance:
        """Record a heartbeat. Raises `UnknownInstance`."""
        ruling = decide_heartbeat(self._desk, instance_id, now=self._committer.clock())
        self._committer.commit(ruling.events)
        return ruling.answer

    def leave(self, instance_id: str, *, keep_leases: bool) -> list[Lease]:
        """Remove an instance; return the leases that ended. Raises `UnknownInstance`."""
        if not keep_leases:
            return self._end(instance_id, "left")
        ruling = decide_leave_keeping(self._desk, instance_id, now=self._committer.clock())
        self._committer.commit(ruling.events)
        return ruling.answer

    def end_of_holder(self, holder: Holder) -> None:
        """Remove the instances that lived as long as a process."""
        for instance_id in with_holder(self._desk, holder):
            self._end(instance_id, "process died")

    def check(self) -> None:
        """Check once for silent instances, and remove those that stay silent."""
        silence = find_silent(
            self._desk,
            self._misses,
            since=self._started_at,
            now=self._committer.clock(),
        )
        self._misses = silence.misses
        for instance_id in silence.lost:
            log.info("instance %s is gone: heartbeat timed out", instance_id)
            self._end(instance_id, "heartbeat lost")

    def _end(self, instance_id: str, reason: InstanceEnding) -> list[Lease]:
        now = self._committer.clock()
        listening = self._listening(now)
        held = held_by(self._desk.lease_index, find(self._desk, instance_id))
        in_use = [lease.port for lease in held if lease.port in listening]
        heirs = {port: heir for port in in_use if (heir := self._heir(port)) is not None}
        ruling = decide_gone(
            self._desk, instance_id, reason=reason, listening=listening, heirs=heirs, now=now
        )
        self._committer.commit(ruling.events)
        return ruling.answer
