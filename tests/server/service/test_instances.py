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
from tests.core.desk_harness import DeskHarness, holder

HEALTH = DEFAULTS.recovery.health_monitoring
AGENT = Owner(instance_id="agent")


class InstancesHarness:
    """The instances under test, their desk, and the listeners."""

    def __init__(self, *, started_at: float = 1000.0) -> None:
        self.harness = DeskHarness()
        self.listening: frozenset[Port] = frozenset()
        self.heirs: dict[Port, Holder] = {}
        committer = Committer(
            self.harness.desk, self, counts=Counts(), clock=lambda: self.harness.now
        )
        self.instances = Instances(
            committer,
            started_at=started_at,
            listening=lambda _now: self.listening,
            heir=self.heirs.get,
        )

    def append(self, events: Sequence[Event]) -> None:
        """Write down, as a journal does."""
        self.harness.written += events

    def check(self, times: int) -> None:
        """Let checks go by."""
        for _ in range(times):
            self.harness.now += HEALTH.check_interval
            self.instances.check()

    @property
    def present(self) -> set[str]:
        """Who is here."""
        return set(self.harness.desk.instances)


def test_a_silent_instance_and_its_unbound_leases_go_after_the_last_check() -> None:
    instances = InstancesHarness()
    instances.harness.register()
    unbound = instances.harness.allocate(owner=AGENT)
    bound = instances.harness.allocate(owner=AGENT)
    instances.listening = frozenset({bound.port})
    instances.heirs[bound.port] = holder(9)
    instances.harness.now += HEALTH.heartbeat_timeout
    instances.check(HEALTH.max_failures - 1)
    assert instances.present == {"agent"}
    assert instances.harness.ports() == [unbound.port, bound.port]
    instances.check(1)
    assert instances.present == set()
    (kept,) = instances.harness.desk.lease_index
    assert (kept.port, kept.holder) == (bound.port, holder(9))


def test_a_sign_of_life_between_the_checks_saves_everything() -> None:
    instances = InstancesHarness()
    instances.harness.register()
    lease = instances.harness.allocate(owner=AGENT)
    instances.harness.now += HEALTH.heartbeat_timeout
    for _ in range(3):
        instances.check(HEALTH.max_failures - 1)
        instances.instances.heartbeat("agent")
    assert instances.present == {"agent"}
    assert instances.harness.ports() == [lease.port]


def test_a_daemon_that_was_down_long_gives_everybody_the_time_to_speak() -> None:
    instances = InstancesHarness(started_at=1000.0 + 86400.0)
    instances.harness.register()
    instances.harness.now += 86400.0
    instances.check(HEALTH.max_failures)
    assert instances.present == {"agent"}


def test_all_instances_of_a_dead_process_go_with_it() -> None:
    instances = InstancesHarness()
    instances.harness.register("one", holder=holder(7))
    instances.harness.register("two", holder=holder(7))
    instances.harness.register("three", holder=holder(7, 2))
    instances.instances.end_of_holder(holder(7))
    assert instances.present == {"three"}
