"""Which moves are probes: those whose socket closed at once, and that nobody connected to."""

from __future__ import annotations

from styxy.core.books.events import Bound, Leased, Reassigned, Released, Unbound
from styxy.core.model.leases import Lease
from styxy.core.model.ports import Port
from styxy.server.world.probes import SERVING_SECONDS, Probes
from tests.core.desk_harness import P

PLACE = Port(3001)


class Harness:
    """Probes with the connections that a test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.connected_ago: dict[int, float] = {}
        self.probes = Probes(connected_ago=self.connected_ago.get, clock=lambda: self.now)
        lease = Lease(
            lease_id="a",
            port=PLACE,
            service_type="dev",
            owner=P,
            asked=Port(3000),
            allocated_at=0.0,
            last_seen=0.0,
        )
        self.probes.on_events([Leased(lease=lease, at=0.0)])

    def bind(self, at: float = 0.0) -> None:
        """Let the moved socket listen."""
        self.probes.on_events([Bound(lease_id="a", port=PLACE, at=at)])

    def is_probe(self, now: float) -> bool:
        """Ask of the one move."""
        self.now = now
        return self.probes.is_probe("a", now)


def test_what_never_listened_is_a_probe() -> None:
    assert Harness().is_probe(3600.0)


def test_what_listened_for_a_moment_is_a_probe() -> None:
    harness = Harness()
    harness.bind()
    assert harness.is_probe(0.1)
    harness.probes.look({PLACE}, 0.5)
    assert harness.is_probe(0.6)
    harness.probes.look(set(), 1.5)
    assert harness.is_probe(1.6)


def test_what_still_listens_after_a_second_is_a_server() -> None:
    harness = Harness()
    harness.bind(10.0)
    harness.probes.look({PLACE}, 10.9)
    assert not harness.is_probe(10.0 + SERVING_SECONDS)


def test_who_has_served_once_is_a_server_for_good() -> None:
    harness = Harness()
    harness.bind()
    harness.probes.look({PLACE}, SERVING_SECONDS)
    harness.probes.on_events([Unbound(lease_id="a", port=PLACE, expires_at=None, at=2.0)])
    assert not harness.is_probe(3.0)


def test_a_connection_makes_a_server_at_once() -> None:
    harness = Harness()
    harness.bind()
    harness.connected_ago[PLACE] = 0.0
    assert not harness.is_probe(0.1)


def test_a_server_that_was_gone_before_it_was_seen_was_one_if_somebody_connected() -> None:
    harness = Harness()
    harness.connected_ago[PLACE] = 0.0
    assert not harness.is_probe(0.1)


def test_a_connection_that_had_ended_before_the_move_was_somebody_elses() -> None:
    harness = Harness()
    harness.connected_ago[PLACE] = 3.0
    assert harness.is_probe(2.9)
    assert not harness.is_probe(3.1)


def test_a_second_socket_is_counted_from_its_own_beginning() -> None:
    harness = Harness()
    harness.bind()
    harness.probes.look({PLACE}, 0.5)
    harness.probes.on_events([Unbound(lease_id="a", port=PLACE, expires_at=None, at=0.6)])
    harness.bind(5.0)
    assert harness.is_probe(5.5)


def test_a_lease_that_a_bind_was_moved_onto_is_followed_as_well() -> None:
    harness = Harness()
    move = Reassigned(
        requested_port=Port(3000),
        port=Port(3050),
        pid=10,
        process="node",
        service_type="dev",
        owner=P,
        adopted="granted",
        lease_id="granted",
        at=0.0,
    )
    harness.probes.on_events([move])
    assert harness.probes.is_probe("granted", 60.0)


def test_what_the_daemon_did_not_see_begin_counts_as_a_server() -> None:
    assert not Harness().probes.is_probe("older", 0.0)


def test_what_has_ended_is_followed_no_more() -> None:
    harness = Harness()
    harness.probes.on_events(
        [Released(lease_id="a", port=PLACE, reason="released", asked=Port(3000), at=1.0)]
    )
    assert not harness.is_probe(2.0)
