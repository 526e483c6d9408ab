"""Keeps config.json in step with auto-allocated service types.

A type is written to the file first, then to the journal: a daemon that dies between the two has
lost nothing. If the file cannot be edited (it is damaged, or the disk is full), only the journal
knows the type until the file can be written. An entry that is missing from a valid file was removed
by the user, and the type is removed with it, unless its range has leases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from styxy.core.books.events import RangeAdded, RangeRemoved
from styxy.core.decisions.retention import decide_forget_types
from styxy.core.errors import StyxyError
from styxy.core.messages import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from styxy.core.books.events import Event
    from styxy.core.model.service_types import ServiceType
    from styxy.server.service.committer import Committer
    from styxy.server.world.live_config import LiveConfig

MOST_NAMED = 5
"""Types that a note names."""


class MadeRanges:
    """Writes types to the file and removes them."""

    def __init__(self, committer: Committer, live_config: LiveConfig) -> None:
        self._committer = committer
        self._live_config = live_config
        self._is_writing = False

    def start(self) -> None:
        """Reconcile file and journal, now and whenever the user changes the file."""
        self._live_config.subscribe(lambda _: self._reconcile())
        self._reconcile()

    def commit(self, events: Sequence[Event]) -> None:
        """Commit events; types that they make are written to the file first, if it is writable."""
        made = [event for event in events if isinstance(event, RangeAdded)]
        if made and not self._write({each.service.name: entry(each.service) for each in made}):
            events = [
                replace(event, is_filed=False) if isinstance(event, RangeAdded) else event
                for event in events
            ]
        self._committer.commit(events)

    def undo(self, name: str, *, force: bool) -> ServiceType:
        """Undo an auto-allocated type. Raises as `Desk.undo_range` and `ConfigFile.edit` do."""
        now = self._committer.clock()
        ruling = self._committer.desk.undo_range(name, now=now, force=force)
        self._change({ruling.answer.name: None})
        self._committer.commit(ruling.events)
        return ruling.answer

    def forget(self) -> None:
        """Forget types that nobody has used for a day, in the file first."""
        ruling = decide_forget_types(self._committer.desk, now=self._committer.clock())
        names = [event.name for event in ruling.events if isinstance(event, RangeRemoved)]
        if not names or self._live_config.problems:
            return
        try:
            if filed := [name for name in names if name in self._filed()]:
                self._change(dict.fromkeys(filed))
        except StyxyError:
            return  # the file cannot be written now; they are forgotten when it can
        self._committer.commit(ruling.events)
        shown = ", ".join(names[:MOST_NAMED]) + (" ..." if len(names) > MOST_NAMED else "")
        self._committer.note(
            f"forgot {counted(len(names), 'service type')} that no server has used within a day "
            f"of being made: {shown}",
            "info",
            subject="auto-allocation",
        )

    def _write(self, entries: Mapping[str, object]) -> bool:
        """Write entries to the file, with those that are still missing from it."""
        state = self._committer.desk
        late = {name: entry(state.made[name]) for name in state.unfiled}
        try:
            self._change({**late, **entries})
        except StyxyError as error:
            self._committer.note(
                f"cannot write {', '.join(entries)} to config.json: {error.message}",
                "warning",
                subject="auto-allocation",
            )
            return False
        self._mark(list(late), is_filed=True)
        return True

    def _change(self, entries: Mapping[str, object]) -> None:
        self._is_writing = True
        try:
            self._live_config.change({"service_types": dict(entries)})
        finally:
            self._is_writing = False

    def _reconcile(self) -> None:
        """Handle what the user has removed from the file."""
        state = self._committer.desk
        if self._is_writing or self._live_config.problems:
            return
        known = self._filed()
        missing = [name for name in state.made if name not in known and name not in state.unfiled]
        if self._live_config.source == "built-in":
            # The whole file is gone, maybe by accident: it is rewritten with the next type.
            self._mark(missing, is_filed=False)
            return
        in_use = [name for name in missing if self._committer.desk.lease_index.of_type(name)]
        self._mark(in_use, is_filed=False)
        for name in in_use:
            self._committer.note(
                f"{name} is no longer in config.json; it is kept until its leases end",
                "warning",
                subject="auto-allocation",
            )
        now = self._committer.clock()
        gone = [RangeRemoved(name=name, at=now) for name in missing if name not in in_use]
        self._committer.commit(gone)

    def _filed(self) -> set[str]:
        return {kind.name for kind in self._committer.desk.settings.service_types}

    def _mark(self, names: Sequence[str], *, is_filed: bool) -> None:
        now, made = self._committer.clock(), self._committer.desk.made
        unproven = self._committer.desk.unproven
        self._committer.commit(
            [
                RangeAdded(
                    service=made[name],
                    placement="kept",
                    chunk_size=0,
                    is_filed=is_filed,
                    is_unproven=name in unproven,
                    at=now,
                )
                for name in names
            ]
        )


def entry(kind: ServiceType) -> dict[str, object]:
    """Format an auto-allocated type for config.json."""
    fields: dict[str, object] = {
        "range": [kind.ports.first, kind.ports.last],
        "description": kind.description,
        "auto_allocated": kind.auto_allocated,
    }
    if kind.more:
        fields["additional_ranges"] = [[each.first, each.last] for each in kind.more]
    return fields
