"""Watches what changes by itself: holders that die, listeners that come and go, leases that lapse.

A death is an event (a pidfd becomes readable, pidfd_open(2)), for any process of the user, child or
not. Listeners are compared in one sweep a second; nothing else ticks.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from styxy.adapters import fd_limits as descriptors
from styxy.core.books.events import Event, InstanceGone, InstanceSeen, Leased, Passed, Released
from styxy.core.decisions.instances import with_holder
from styxy.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from styxy.adapters.processes import Processes
    from styxy.core.config.configuration import Configuration
    from styxy.core.model.leases import Holder
    from styxy.server.service.service import Service

log = logging.getLogger(__name__)

SPARED = 256
"""Descriptors reserved for connections and files; if there are few, half of them."""

SWEEP_SECONDS = 1.0
"""At least every second is promised; a sweep takes 0.2 ms for 200 listeners."""


class DeathWatch:
    """Calls back once for each followed holder that dies."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_death: Callable[[Holder], None],
        *,
        processes: Processes,
    ) -> None:
        self._loop = loop
        self._processes = processes
        self._on_death = on_death
        self._pidfds: dict[Holder, int] = {}
        self.unwatched: set[Holder] = set()

    def follow(self, holder: Holder, *, is_alive: Callable[[Holder], bool]) -> None:
        """Watch a holder; one that is already dead is reported in the next turn of the loop."""
        if holder in self._pidfds:
            return
        self.unwatched.discard(holder)
        try:
            pidfd = self._opened(holder)
        except ProcessLookupError:
            self._loop.call_soon(self._on_death, holder)
            return
        if pidfd is None:
            self.unwatched.add(holder)
            return
        self._pidfds[holder] = pidfd
        self._loop.add_reader(pidfd, self._died, holder)
        # Its start time is reliable only once the descriptor pins the process.
        try:
            is_ours = is_alive(holder)
        except Unavailable:  # no descriptor to check with: leave it to the sweeps
            self.forget(holder)
            self.unwatched.add(holder)
            return
        if not is_ours:
            self._loop.call_soon(self._died, holder)

    def look(self, is_alive: Callable[[Holder], bool]) -> None:
        """Check the holders that cannot be watched, and watch them if that is possible now."""
        for holder in list(self.unwatched):
            if is_alive(holder):
                self.follow(holder, is_alive=is_alive)
            else:
                self.forget(holder)
                self._on_death(holder)

    def _opened(self, holder: Holder) -> int | None:
        """Open a process; None if there is no descriptor to spare."""
        most = descriptors.limit()
        if len(self._pidfds) >= most - min(SPARED, most // 2) or not self._processes.has_pidfds:
            return None
        try:
            return self._processes.pidfd(holder.pid)
        except OSError as error:
            if not descriptors.is_want(error):
                raise
            return None

    def forget(self, holder: Holder) -> None:
        """Stop watching a holder."""
        self.unwatched.discard(holder)
        pidfd = self._pidfds.pop(holder, None)
        if pidfd is not None:
            self._loop.remove_reader(pidfd)
            os.close(pidfd)

    def forget_all(self, is_needed: Callable[[Holder], bool] = lambda _holder: False) -> None:
        """Stop watching all holders but those that are needed."""
        for holder in [each for each in (*self._pidfds, *self.unwatched) if not is_needed(each)]:
            self.forget(holder)

    def _died(self, holder: Holder) -> None:
        if holder in self._pidfds:
            self.forget(holder)
            self._on_death(holder)


class Watch:
    """Keeps the state in step with the machine while the loop runs."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._loop = loop
        self._deaths = DeathWatch(loop, self._queue_dead, processes=service.context.processes)
        self._dead: list[Holder] = []
        self._complaint: str | None = None
        self._also: list[Callable[[], None]] = []
        self._next_sweep: asyncio.TimerHandle | None = None
        self._next_check: asyncio.TimerHandle | None = None
        self._check_interval = 0.0

    def start(self) -> None:
        """Follow every holder in the state, then everything that is committed."""
        self._service.committer.subscribe(self._on_events)
        self._follow(lease.holder for lease in list(self._service.desk.lease_index))
        self._follow(each.holder for each in list(self._service.desk.instances.values()))
        self._sweep()
        health = self._service.desk.settings.recovery.health_monitoring
        self._plan_check(health.check_interval)
        self._service.context.live_config.subscribe(self._on_configuration)

    @property
    def unwatched(self) -> int:
        """Count the holders without a descriptor, whose deaths a sweep detects."""
        has_pidfds = self._service.context.processes.has_pidfds
        return len(self._deaths.unwatched) if has_pidfds else 0

    def with_sweep(self, look: Callable[[], None]) -> None:
        """Add a check to each sweep; it may raise only `Unavailable`."""
        self._also.append(look)

    def stop(self) -> None:
        """Release the descriptors and the timer."""
        for timer in (self._next_sweep, self._next_check):
            if timer is not None:
                timer.cancel()
        self._deaths.forget_all()

    def _on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Leased(lease=lease):
                    self._follow([lease.holder])
                case Passed(holder=holder):
                    self._follow([holder])
                case InstanceSeen(instance=instance):
                    self._follow([instance.holder])
                case Released(holder=holder) if holder is not None:
                    if not self._is_needed(holder):
                        self._deaths.forget(holder)
                case InstanceGone():
                    self._deaths.forget_all(self._is_needed)
                case _:
                    pass

    def _is_needed(self, holder: Holder) -> bool:
        desk = self._service.desk
        return bool(desk.lease_index.of_pid(holder.pid) or with_holder(desk, holder))

    def _follow(self, holders: Iterable[Holder | None]) -> None:
        for holder in holders:
            if holder is not None:
                self._deaths.follow(holder, is_alive=self._service.context.processes.is_alive)

    def _on_configuration(self, configuration: Configuration) -> None:
        # A new interval counts at once; the desk may not have it yet.
        interval = configuration.recovery.health_monitoring.check_interval
        if interval != self._check_interval:
            self._plan_check(interval)

    def _plan_check(self, interval: float) -> None:
        if self._next_check is not None:
            self._next_check.cancel()
        self._check_interval = interval
        self._next_check = self._loop.call_later(interval, self._check)

    def _check(self) -> None:
        self._plan_check(self._check_interval)
        try:
            self._service.instances.check()
        except Unavailable as error:
            log.warning("instance check: %s", error.message)

    def _queue_dead(self, holder: Holder) -> None:
        # When a session ends, many die at once: they are handled together, in the next turn.
        if not self._dead:
            self._loop.call_soon(self._end_holders)
        self._dead.append(holder)

    def _end_holders(self) -> None:
        dead, self._dead = self._dead, []
        try:
            if dead:
                self._service.end_holders(*dead)
        except Unavailable as error:
            self._dead = dead  # the next sweep tries again
            self._complain(error)

    def _sweep(self) -> None:
        self._next_sweep = self._loop.call_later(SWEEP_SECONDS, self._sweep)
        try:
            for look in self._also:
                look()
            self._deaths.look(self._service.context.processes.is_alive)
            self._service.probe_journal()
            self._service.follow_clock()
            self._service.sweep()
        except Unavailable as error:
            # A full disk or a lack of descriptors must not end the sweeps: the next may succeed.
            self._complain(error)
        else:
            self._complaint = None
            self._end_holders()

    def _complain(self, error: Unavailable) -> None:
        if error.message != self._complaint:  # once, and not each second
            log.warning("%s", error.message)
            self._complaint = error.message
