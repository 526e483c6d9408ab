"""Recovery after whatever happened while no daemon was running.

The steps build on one another: the database, the configuration, leases whose holders have died,
singletons, then the indexes and the port map, which are derived from the rest.

Each step reports what it found. The report is kept for `/health` and `doctor` and written to the
audit; anything the user must know becomes one warning, never silence.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from styxy.adapters.portmap.file import Remains
from styxy.core.books.events import Noted
from styxy.core.errors import Unavailable
from styxy.core.messages import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from styxy.adapters.journal.journal import Journal
    from styxy.adapters.journal.recovery import Opened
    from styxy.core.decisions.desk import Desk
    from styxy.server.service.service import Service

log = logging.getLogger(__name__)

Verdict = Literal["ok", "mended", "warning"]
"""Nothing to do; repaired without loss; something that the user must know."""

MOST_NAMED = 20
"""Maximum number of ports listed in one sentence."""


class Step(Struct, frozen=True, kw_only=True):
    """The result of one startup step, in a sentence."""

    name: str
    verdict: Verdict
    message: str


class Recovery:
    """The steps of the last startup."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.remains = Remains()
        self._refusing: Journal | None = None
        self._aside: str | None = None
        self._undone: dict[str, _Step] = {}

    @property
    def warnings(self) -> list[str]:
        """What the user must know, a sentence each; resolved warnings are left out."""
        return [step.message for step in self._warned]

    def warnings_about(self, *, database: bool) -> list[str]:
        """The warnings about the journal and what is in it, or those about everything else."""
        return [each.message for each in self._warned if (each.name in _OF_DATABASE) == database]

    @property
    def _warned(self) -> list[Step]:
        is_over = self._is_writable_again() or self._is_put_away()
        return [
            step
            for step in self.steps
            if step.verdict == "warning" and not (step.name == "database" and is_over)
        ]

    def _is_writable_again(self) -> bool:
        return self._refusing is not None and self._refusing.failing is None

    def _is_put_away(self) -> bool:
        """Tell whether somebody has dealt with the damaged journal, as the doctor advises."""
        return self._aside is not None and not os.path.lexists(self._aside)

    def add(self, name: str, verdict: Verdict, message: str) -> None:
        """Record a step, and log it."""
        self.steps.append(Step(name=name, verdict=verdict, message=message))
        log.log(_LEVELS[verdict][0], "%s: %s", name, message)

    def resolve(self, name: str) -> None:
        """Drop the warning of a step that is resolved."""
        self.steps = [step for step in self.steps if step.name != name or step.verdict != "warning"]

    def add_database(self, opened: Opened[Desk], remains: Remains) -> None:
        """Record the condition of the journal; `remains` is what the last port map reveals."""
        self.remains = remains
        if opened.aside is not None and os.path.lexists(opened.aside):
            self._aside = opened.aside
        if opened.refusal is not None:
            self._refusing = opened.journal
            said = f"{_loss(opened, remains)}; " if opened.damage is not None else ""
            message = f"{said}{opened.refusal}; ports can be viewed, but none can be leased"
            self.add("database", "warning", message)
        elif opened.damage is None:
            self.add("database", *_intact(opened, remains))
        else:
            self.add("database", "warning", _loss(opened, remains))

    def run(self, service: Service) -> None:
        """Take the steps that need the state: orphans, singletons, indexes and port map.

        If the journal cannot be written, every step is still taken; only its result is not
        recorded.
        """
        self._take(service, _STEPS)
        self.add("indexes", *_rebuild(service, self.remains))
        now = service.context.clock()
        notes = [
            Noted(subject=each.name, message=each.message, level=_LEVELS[each.verdict][1], at=now)
            for each in self.steps
        ]
        try:
            service.committer.commit(notes)
        except Unavailable as error:
            log.warning("cannot write the startup steps to the journal: %s", error.message)

    def catch_up(self, service: Service) -> None:
        """Repeat the steps that an unwritable journal prevented, if it can be written now."""
        if service.context.journal.failing is not None:
            return
        undone, self._undone = self._undone, {}
        for name in undone:
            self.resolve(name)
        self._take(service, undone)

    def _take(self, service: Service, steps: Mapping[str, _Step]) -> None:
        for name, step in steps.items():
            try:
                self.add(name, *step(service))
            except Unavailable as error:
                self._undone[name] = step
                self.add(name, "warning", error.message)


_LEVELS: dict[Verdict, tuple[int, Literal["info", "warning"]]] = {
    "ok": (logging.INFO, "info"),
    "mended": (logging.INFO, "info"),
    "warning": (logging.WARNING, "warning"),
}


def _end_holders(service: Service) -> tuple[Verdict, str]:
    lease_index = service.desk.lease_index
    before = {lease.lease_id: lease for lease in lease_index}
    service.end_dead_holders(reason="orphaned")
    service.sweep()
    after = {lease.lease_id: lease for lease in lease_index}
    ended = [each.port for each in before.values() if each.lease_id not in after]
    passed = [
        each.port
        for each in after.values()
        if each.lease_id in before and before[each.lease_id].holder != each.holder
    ]
    if not ended and not passed:
        return "ok", "no holder died while the daemon was down"
    return (
        "mended",
        f"released {_named(ended)}; passed to the listening process: {_named(passed)}",
    )


def _single_out(service: Service) -> tuple[Verdict, str]:
    ruling = service.desk.single_out(now=service.context.clock())
    service.committer.commit(ruling.events)
    if not ruling.answer:
        return "ok", "no singleton has more than one lease"
    return "mended", f"released extra leases of singletons: {_named(ruling.answer)}"


_Step = Callable[["Service"], tuple[Verdict, str]]

_STEPS: dict[str, _Step] = {"orphans": _end_holders, "singletons": _single_out}

_OF_DATABASE = frozenset({"database", "indexes", *_STEPS})
"""The steps that are about the journal and what is in it."""


def _rebuild(service: Service, remains: Remains) -> tuple[Verdict, str]:
    lease_index = service.desk.lease_index
    service.context.port_map_sync.begin()
    ports = {lease.port for lease in lease_index}
    summary = (
        f"{counted(len(ports), 'lease')}, {len(lease_index.bound)} of them in use; port map rebuilt"
    )
    differs = len(ports ^ remains.ports)
    if not remains.last_seq or not differs:
        return "ok", summary
    return "mended", f"{summary}; it differed on {counted(differs, 'port')}"


def _intact(opened: Opened[Desk], remains: Remains) -> tuple[Verdict, str]:
    """Describe a journal that can be read; the last port map may know leases that it lacks."""
    path, ports = opened.journal.path, {lease.port for lease in opened.read.lease_index}
    summary = f"{path} is intact, with {counted(len(opened.read.lease_index), 'lease')}"
    lost = sorted(remains.ports - ports)
    # A map that is older than the last event may show what has been released since.
    if not lost or remains.last_seq != opened.journal.last_seq:
        return "ok", summary
    return (
        "warning",
        f"{summary}, but the last port map shows others that it lacks: {_named(lost)}; "
        "allocate them again",
    )


def _loss(opened: Opened[Desk], remains: Remains) -> str:
    """Describe in one sentence what was damaged, what replaced it, and what is missing now."""
    said = [f"the journal {opened.journal.path} was damaged ({opened.damage})"]
    if opened.aside is not None and os.path.lexists(opened.aside):
        said.append(f"it was kept as {os.path.basename(opened.aside)}")
    if opened.skipped:
        said.append(f"{counted(len(opened.skipped), 'newer backup')} also damaged")
    if opened.backup is not None:
        taken = datetime.fromtimestamp(opened.backup.taken_at).isoformat(" ", "seconds")
        count = counted(len(opened.read.lease_index), "lease")
        said.append(f"the backup of {taken} was loaded, with {count}")
    elif opened.aside is not None or opened.refusal is not None:
        said.append("there was no usable backup, so the journal starts empty")
    lost = sorted(remains.ports - {lease.port for lease in opened.read.lease_index})
    if lost:
        said.append(f"the leases of {_named(lost)} are lost; allocate them again")
    elif remains.last_seq:
        said.append("no lease is missing")
    else:
        said.append("leases granted later are lost; allocate them again")
    return "; ".join(said)


def _named(ports: Sequence[int]) -> str:
    if not ports:
        return "none"
    named = ", ".join(str(port) for port in sorted(ports)[:MOST_NAMED])
    more = f" and {len(ports) - MOST_NAMED} more" if len(ports) > MOST_NAMED else ""
    return f"{len(ports)} ({named}{more})"
