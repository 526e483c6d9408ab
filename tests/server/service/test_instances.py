"""How the silent are seen off: the checks, one by one, by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Sequence

from styxy.core.books.events import Event
from styxy.core.decisions.desk import DEFAULTS
from styxy.core.model.leases import Holder, Owner
from styxy.core.model.ports import Port
from styxy.server.service.committer import Committer
from styxy.server.service.instances import Instances
from styxy.server.world.counts import Counts
from tests.core.stage import Stage, holder

HEALTH = DEFAULTS.recovery.health_monitoring
AGENT = Owner(instance_id="agent")


class Hall:
    """A reception, the desk behind it, and what listens outside."""

    def __init__(self, *, started_at: float = 1000.0) -> None:
        self.stage = Stage()
        self.listening: frozenset[Port] = frozenset()
        self.heirs: dict[Port, Holder] = {}
        committer = Committer(self.stage.desk, self, counts=Counts(), clock=lambda: self.stage.now)
        self.instances = Instances(
            committer,
            started_at=started_at,
            listening=lambda _now: self.listening,
            heir=self.heirs.get,
        )

    def append(self, events: Sequence[Event]) -> None:
        """Write down, as a journal does."""
        self.stage.written += events

    def check(self, times: int) -> None:
        """Let checks go by."""
        for _ in range(times):
            self.stage.now += HEALTH.check_interval
            self.instances.check()

    @property
    def present(self) -> set[str]:
        """Who is here."""
        return set(self.stage.desk.instances)


def test_a_silent_instance_and_its_unbound_leases_go_after_the_last_check() -> None:
    hall = Hall()
    hall.stage.register()
    unbound = hall.stage.allocate(owner=AGENT)
    bound = hall.stage.allocate(owner=AGENT)
    hall.listening = frozenset({bound.port})
    hall.heirs[bound.port] = holder(9)
    hall.stage.now += HEALTH.heartbeat_timeout
    hall.check(HEALTH.max_failures - 1)
    assert hall.present == {"agent"}
    assert hall.stage.ports() == [unbound.port, bound.port]
    hall.check(1)
    assert hall.present == set()
    (kept,) = hall.stage.desk.lease_index
    assert (kept.port, kept.holder) == (bound.port, holder(9))


def test_a_sign_of_life_between_the_checks_saves_everything() -> None:
    hall = Hall()
    hall.stage.register()
    lease = hall.stage.allocate(owner=AGENT)
    hall.stage.now += HEALTH.heartbeat_timeout
    for _ in range(3):
        hall.check(HEALTH.max_failures - 1)
        hall.instances.heartbeat("agent")
    assert hall.present == {"agent"}
    assert hall.stage.ports() == [lease.port]


def test_a_daemon_that_was_down_long_gives_everybody_the_time_to_speak() -> None:
    hall = Hall(started_at=1000.0 + 86400.0)
    hall.stage.register()
    hall.stage.now += 86400.0
    hall.check(HEALTH.max_failures)
    assert hall.present == {"agent"}


def test_all_instances_of_a_dead_process_go_with_it() -> None:
    hall = Hall()
    hall.stage.register("one", holder=holder(7))
    hall.stage.register("two", holder=holder(7))
    hall.stage.register("three", holder=holder(7, 2))
    hall.instances.end_of_holder(holder(7))
    assert hall.present == {"three"}
