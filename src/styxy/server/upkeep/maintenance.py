"""Periodic maintenance: backups, compaction, log rotation, service types that nobody uses.

One task, awake once a minute or when the journal has grown. Everything is done in slices with the
loop free in between; what waits for a disk does so in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING

from styxy.adapters.log_files import rotate, rotate_own
from styxy.core.errors import JournalFailed
from styxy.core.messages import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from styxy.adapters.journal.backups import Backups
    from styxy.adapters.paths import Paths
    from styxy.core.books.events import Event
    from styxy.core.config.configuration import SystemRecovery
    from styxy.server.service.service import Service

log = logging.getLogger(__name__)

PERIOD = 60.0
"""Seconds between two checks of what is due."""

FOLD_AFTER = 10_000
"""Maximum events that a start reads one by one, unless the snapshot has more: 0.1 s."""

LAST_BACKUP_SECONDS = 5.0
"""How long a stop may take for its backup; the caller is waiting."""

DAY = 86400.0


class Maintenance:
    """The maintenance task of one daemon. `problem` says why the last backup failed; `each_minute`
    is done whenever the task is awake.
    """

    def __init__(
        self,
        service: Service,
        backups: Backups,
        paths: Paths,
        *,
        each_minute: Callable[[], None],
    ) -> None:
        self._service = service
        self._backups = backups
        self._paths = paths
        self._each_minute = each_minute
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.problem: str | None = None

    def start(self) -> None:
        """Start, in the running loop."""
        self._service.committer.subscribe(self._on_events)
        # A new backup interval counts at once.
        self._service.context.live_config.subscribe(lambda _in_force: self._awake.set())
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def finish(self) -> None:
        """Stop, with a final backup."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if not os.path.isdir(self._paths.home):
            return  # the user deleted it and wants no copy
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_BACKUP_SECONDS):
                await self._back_up()

    @property
    def summary(self) -> str:
        """Describe the existing backups."""
        backups = self._backups.all()
        if not self._settings.enabled:
            return f"backups are off; {counted(len(backups), 'backup')} from before"
        if not backups:
            return "no backup yet"
        minutes = (self._service.context.clock() - backups[0].taken_at) / 60
        age = f"{minutes:.0f} minutes old" if minutes >= 0 else "dated in the future"
        return f"{counted(len(backups), 'backup')}, the newest {age}"

    async def _run(self) -> None:
        while True:
            self._rotate()
            self._each_minute()
            with contextlib.suppress(JournalFailed):  # then in a minute
                self._service.ranges.forget()
            if self._must_fold():
                await self._fold()
            if self._is_backup_due():
                await self._back_up()
            self._awake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(PERIOD, self._settings.backup_interval)):
                    await self._awake.wait()

    @property
    def _settings(self) -> SystemRecovery:
        return self._service.desk.settings.recovery.system_recovery

    def _on_events(self, _events: Sequence[Event]) -> None:
        if self._must_fold():
            self._awake.set()

    def _must_fold(self) -> bool:
        unfolded = self._service.context.journal.unfolded
        return unfolded > FOLD_AFTER and unfolded > 2 * len(self._service.desk.lease_index)

    async def _fold(self) -> None:
        context = self._service.context
        now = context.clock()
        snapshot = self._service.desk.snapshot(now=now)
        slices = context.journal.fold_slices(
            snapshot,
            keep_since=now - self._settings.audit_days * DAY,
            keep_most=self._settings.audit_events,
        )
        try:
            for _ in slices:
                await asyncio.sleep(0)
        except JournalFailed as error:
            log.warning("%s", error.message)

    def _is_backup_due(self) -> bool:
        newest = next(iter(self._backups.all()), None)
        if newest is None:
            return self._service.context.journal.last_seq > 0
        age = self._service.context.clock() - newest.taken_at
        # A clock that was set back must not suspend backups for as long.
        return not 0 <= age < self._settings.backup_interval

    async def _back_up(self) -> None:
        if not self._settings.enabled:
            return
        journal = self._service.context.journal
        newest = next(iter(self._backups.all()), None)
        saved = newest.last_seq if newest is not None else 0
        if journal.failing is not None or journal.last_seq == saved:
            return
        try:
            await self._write_backup()
        except JournalFailed as error:
            if self.problem is None:
                log.warning("%s", error.message)
            self.problem = error.message
        else:
            self.problem = None
            self._backups.prune(kept=self._settings.backups_kept)

    async def _write_backup(self) -> None:
        context = self._service.context
        writer = await asyncio.to_thread(
            self._backups.begin, now=context.clock(), last_seq=context.journal.last_seq
        )
        try:
            for table, rows in context.journal.read_slices():
                await asyncio.to_thread(writer.add, table, rows)
            await asyncio.to_thread(writer.finish)
        except BaseException:
            writer.abandon()
            raise

    def _rotate(self) -> None:
        try:
            rotate(self._paths.reassignment_log)
            if rotate_own(self._paths.daemon_log):
                log.info("the previous log is %s.1", self._paths.daemon_log)
        except OSError as error:
            log.warning("cannot rotate the logs: %s", error)
