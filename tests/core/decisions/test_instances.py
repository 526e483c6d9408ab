"""Instances: registered, refreshed, heard, gone; what they hold, and when it ends."""

from __future__ import annotations

from typing import Any

import pytest

from styxy.core.decisions import instances
from styxy.core.decisions.desk import DEFAULTS
from styxy.core.decisions.instances import decide_leave_keeping
from styxy.core.decisions.requests import LeaseRequest
from styxy.core.errors import InvalidInput, UnknownInstance
from styxy.core.model.leases import Lease, Owner
from tests.core.desk_harness import DeskHarness, P, holder

HEALTH = DEFAULTS.recovery.health_monitoring
AGENT = Owner(instance_id="agent")
AGENT_IN_P = Owner(project="/p", instance_id="agent")


def live(harness: DeskHarness, lease: Lease) -> Lease | None:
    return harness.desk.lease_index.on_port(lease.port)


def check(harness: DeskHarness, misses: dict[str, int], *, since: float = 0.0) -> instances.Silence:
    return instances.find_silent(harness.desk, misses, since=since, now=harness.now)


# --- registered ----------------------------------------------------------------------------------


def test_an_instance_is_known_with_all_that_it_said() -> None:
    harness = DeskHarness()
    said: dict[str, Any] = {
        "holder": holder(7),
        "working_directory": "/p/src",
        "project": "/p",
        "template": "staging",
        "metadata": '{"model": "x"}',
        "port": 3000,
        "service_type": "dev",
    }
    instance = harness.register(**said)
    assert harness.desk.instances == {"agent": instance}
    assert {name: getattr(instance, name) for name in said} == said
    assert (instance.registered_at, instance.last_heartbeat) == (harness.now, harness.now)


def test_registering_again_refreshes_and_keeps_what_is_not_said_anew() -> None:
    harness = DeskHarness()
    harness.register(template="dev", working_directory="/p/src", project="/p", metadata="{}")
    lease = harness.allocate(owner=AGENT)
    harness.now += 60
    again = harness.register(holder=holder(8), metadata='{"a": 1}')
    assert (again.registered_at, again.last_heartbeat) == (1000.0, 1060.0)
    assert (again.template, again.working_directory, again.project) == ("dev", "/p/src", "/p")
    assert (again.holder, again.metadata) == (holder(8), '{"a": 1}')
    assert live(harness, lease) == lease


def test_an_instance_that_moves_takes_its_project_along() -> None:
    harness = DeskHarness()
    harness.register(working_directory="/p/src", project="/p")
    assert harness.register(working_directory="/q", project="/q").project == "/q"
    assert harness.register(project="/r").project == "/r"


def test_a_template_that_does_not_exist_is_refused_with_those_that_do() -> None:
    harness = DeskHarness()
    with pytest.raises(InvalidInput, match="main, dev, staging, features"):
        harness.register(template="production")
    assert harness.facts() == DeskHarness().facts()


def test_the_name_of_the_nameless_is_nobodys() -> None:
    harness = DeskHarness()
    with pytest.raises(InvalidInput, match="default"):
        harness.register("default")
    assert harness.facts() == DeskHarness().facts()


def test_a_sign_of_life_is_remembered() -> None:
    harness = DeskHarness()
    harness.register()
    harness.now += 5
    harness.hear()
    assert harness.desk.instances["agent"].last_heartbeat == harness.now
    assert harness.replayed().instances == harness.desk.instances
    assert harness.restored().instances == harness.desk.instances


def test_who_never_registered_is_unknown() -> None:
    harness = DeskHarness()
    now = harness.now
    for refused in (
        lambda: harness.hear("ghost"),
        lambda: harness.gone("ghost"),
        lambda: decide_leave_keeping(harness.desk, "ghost", now=now),
    ):
        with pytest.raises(UnknownInstance, match="ghost"):
            refused()
    assert harness.facts() == DeskHarness().facts()


# --- how long a lease lives ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "is_registered", "lives"),
    [
        ({}, True, None),
        ({}, False, HEALTH.unused_ttl),
        ({"holder": holder(3)}, False, None),
        ({"holder": holder(3), "ttl": 60.0}, True, 60.0),
        ({"ttl": 60.0}, True, 60.0),
    ],
)
def test_a_lease_of_a_live_instance_lives_with_it(
    more: dict[str, Any], is_registered: bool, lives: float | None
) -> None:
    harness = DeskHarness()
    if is_registered:
        harness.register()
    lease = harness.allocate(owner=AGENT_IN_P, **more)
    assert lease.expires_at == (None if lives is None else harness.now + lives)


# --- gone ----------------------------------------------------------------------------------------


def test_an_instance_that_leaves_takes_what_it_holds_and_nothing_else() -> None:
    harness = DeskHarness()
    harness.register(holder=holder(7))
    held = harness.allocate(owner=AGENT)
    own = harness.allocate(owner=AGENT_IN_P, holder=holder(7))
    of_a_program = harness.allocate(owner=AGENT, holder=holder(9))
    of_another = harness.allocate(owner=Owner(instance_id="other"))
    assert harness.gone() == [held, own]
    assert set(harness.desk.lease_index) == {of_a_program, of_another}
    assert harness.desk.instances == {}


def test_a_bound_port_is_never_taken_from_a_live_listener() -> None:
    harness = DeskHarness()
    harness.register()
    bound, unbound = harness.allocate(owner=AGENT), harness.allocate(owner=AGENT)
    harness.see(bound.port)
    assert [each.port for each in harness.gone("agent", bound.port)] == [unbound.port]
    kept = live(harness, bound)
    assert kept is not None
    assert kept.state == "bound"
    harness.wait(10 * HEALTH.unused_ttl, bound.port)
    assert live(harness, bound) is not None
    harness.see()
    harness.wait(HEALTH.unbound_grace)
    assert live(harness, bound) is None


def test_a_bound_port_passes_to_the_process_that_has_the_socket() -> None:
    harness = DeskHarness()
    harness.register()
    lease = harness.allocate(owner=AGENT)
    assert harness.gone("agent", lease.port, heirs={lease.port: holder(9)}) == []
    passed = live(harness, lease)
    assert passed is not None
    assert passed.holder == holder(9)
    harness.die(holder(9))
    assert live(harness, lease) is None


def test_leases_that_are_kept_last_as_long_as_nobodys() -> None:
    harness = DeskHarness()
    harness.register(holder=holder(7))
    lease = harness.allocate(owner=AGENT)
    short = harness.allocate(owner=AGENT, ttl=60.0)
    own = harness.allocate(owner=AGENT, holder=holder(7))
    ruling = decide_leave_keeping(harness.desk, "agent", now=harness.now)
    harness.write(ruling.events)
    assert ruling.answer == []
    assert harness.desk.instances == {}
    ends = {each.port: each.expires_at for each in harness.desk.lease_index}
    assert ends == {
        lease.port: harness.now + HEALTH.unused_ttl,
        short.port: short.expires_at,
        own.port: None,
    }
    assert harness.replayed().lease_index.get(lease.lease_id) == live(harness, lease)


def test_a_singleton_ends_with_the_instance_that_holds_it() -> None:
    harness = DeskHarness()
    harness.register()
    first = harness.allocate("ai", owner=AGENT)
    harness.gone(reason="process died")
    second = harness.allocate("ai", owner=P)
    assert second.lease_id != first.lease_id


# --- silent --------------------------------------------------------------------------------------


def test_silence_must_last_several_checks_before_anything_is_taken() -> None:
    harness = DeskHarness()
    harness.register()
    harness.now += HEALTH.heartbeat_timeout - 1
    assert check(harness, {}) == instances.Silence({}, ())
    harness.now += 1
    misses: dict[str, int] = {}
    for count in range(1, HEALTH.max_failures):
        silence = check(harness, misses)
        assert silence == instances.Silence({"agent": count}, ())
        misses = dict(silence.misses)
    assert check(harness, misses) == instances.Silence({}, ("agent",))


def test_one_sign_of_life_ends_the_silence() -> None:
    harness = DeskHarness()
    harness.register()
    harness.now += 8 * 3600  # the machine slept
    misses = dict(check(harness, {}).misses)
    harness.hear()
    assert check(harness, misses) == instances.Silence({}, ())


def test_silence_begins_when_the_daemon_could_hear() -> None:
    harness = DeskHarness()
    harness.register()
    harness.now += 8 * 3600
    assert check(harness, {}, since=harness.now - 10) == instances.Silence({}, ())


def test_an_instance_with_a_process_needs_no_heartbeat() -> None:
    harness = DeskHarness()
    harness.register(holder=holder(7))
    harness.now += 365 * 86400
    assert check(harness, {"agent": 99}) == instances.Silence({}, ())
    assert instances.with_holder(harness.desk, holder(7)) == ["agent"]
    assert instances.with_holder(harness.desk, holder(7, 2)) == []


# --- cleanup -------------------------------------------------------------------------------------


def test_a_forced_cleanup_ends_all_that_no_listener_uses_and_no_more() -> None:
    harness = DeskHarness()
    used = harness.allocate(owner=P, holder=holder(1))
    unused = harness.allocate(owner=P, holder=holder(2))
    singleton = harness.allocate("ai", owner=P)
    assert set(harness.clean(used.port)) == {unused, singleton}
    assert set(harness.desk.lease_index) == {used}
    fresh = harness.grant(LeaseRequest(service_type="ai"))
    assert not fresh.existing
    assert fresh.lease.lease_id != singleton.lease_id
