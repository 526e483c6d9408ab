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
from tests.core.stage import P, Stage, holder

HEALTH = DEFAULTS.recovery.health_monitoring
AGENT = Owner(instance_id="agent")
AGENT_IN_P = Owner(project="/p", instance_id="agent")


def live(stage: Stage, lease: Lease) -> Lease | None:
    return stage.desk.lease_index.on_port(lease.port)


def check(stage: Stage, misses: dict[str, int], *, since: float = 0.0) -> instances.Silence:
    return instances.find_silent(stage.desk, misses, since=since, now=stage.now)


# --- registered ----------------------------------------------------------------------------------


def test_an_instance_is_known_with_all_that_it_said() -> None:
    stage = Stage()
    said: dict[str, Any] = {
        "holder": holder(7),
        "working_directory": "/p/src",
        "project": "/p",
        "template": "staging",
        "metadata": '{"model": "x"}',
        "port": 3000,
        "service_type": "dev",
    }
    instance = stage.register(**said)
    assert stage.desk.instances == {"agent": instance}
    assert {name: getattr(instance, name) for name in said} == said
    assert (instance.registered_at, instance.last_heartbeat) == (stage.now, stage.now)


def test_registering_again_refreshes_and_keeps_what_is_not_said_anew() -> None:
    stage = Stage()
    stage.register(template="dev", working_directory="/p/src", project="/p", metadata="{}")
    lease = stage.allocate(owner=AGENT)
    stage.now += 60
    again = stage.register(holder=holder(8), metadata='{"a": 1}')
    assert (again.registered_at, again.last_heartbeat) == (1000.0, 1060.0)
    assert (again.template, again.working_directory, again.project) == ("dev", "/p/src", "/p")
    assert (again.holder, again.metadata) == (holder(8), '{"a": 1}')
    assert live(stage, lease) == lease


def test_an_instance_that_moves_takes_its_project_along() -> None:
    stage = Stage()
    stage.register(working_directory="/p/src", project="/p")
    assert stage.register(working_directory="/q", project="/q").project == "/q"
    assert stage.register(project="/r").project == "/r"


def test_a_template_that_does_not_exist_is_refused_with_those_that_do() -> None:
    stage = Stage()
    with pytest.raises(InvalidInput, match="main, dev, staging, features"):
        stage.register(template="production")
    assert stage.facts() == Stage().facts()


def test_the_name_of_the_nameless_is_nobodys() -> None:
    stage = Stage()
    with pytest.raises(InvalidInput, match="default"):
        stage.register("default")
    assert stage.facts() == Stage().facts()


def test_a_sign_of_life_is_remembered() -> None:
    stage = Stage()
    stage.register()
    stage.now += 5
    stage.hear()
    assert stage.desk.instances["agent"].last_heartbeat == stage.now
    assert stage.replayed().instances == stage.desk.instances
    assert stage.restored().instances == stage.desk.instances


def test_who_never_registered_is_unknown() -> None:
    stage = Stage()
    now = stage.now
    for refused in (
        lambda: stage.hear("ghost"),
        lambda: stage.gone("ghost"),
        lambda: decide_leave_keeping(stage.desk, "ghost", now=now),
    ):
        with pytest.raises(UnknownInstance, match="ghost"):
            refused()
    assert stage.facts() == Stage().facts()


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
    stage = Stage()
    if is_registered:
        stage.register()
    lease = stage.allocate(owner=AGENT_IN_P, **more)
    assert lease.expires_at == (None if lives is None else stage.now + lives)


# --- gone ----------------------------------------------------------------------------------------


def test_an_instance_that_leaves_takes_what_it_holds_and_nothing_else() -> None:
    stage = Stage()
    stage.register(holder=holder(7))
    held = stage.allocate(owner=AGENT)
    own = stage.allocate(owner=AGENT_IN_P, holder=holder(7))
    of_a_program = stage.allocate(owner=AGENT, holder=holder(9))
    of_another = stage.allocate(owner=Owner(instance_id="other"))
    assert stage.gone() == [held, own]
    assert set(stage.desk.lease_index) == {of_a_program, of_another}
    assert stage.desk.instances == {}


def test_a_bound_port_is_never_taken_from_a_live_listener() -> None:
    stage = Stage()
    stage.register()
    bound, unbound = stage.allocate(owner=AGENT), stage.allocate(owner=AGENT)
    stage.see(bound.port)
    assert [each.port for each in stage.gone("agent", bound.port)] == [unbound.port]
    kept = live(stage, bound)
    assert kept is not None
    assert kept.state == "bound"
    stage.wait(10 * HEALTH.unused_ttl, bound.port)
    assert live(stage, bound) is not None
    stage.see()
    stage.wait(HEALTH.unbound_grace)
    assert live(stage, bound) is None


def test_a_bound_port_passes_to_the_process_that_has_the_socket() -> None:
    stage = Stage()
    stage.register()
    lease = stage.allocate(owner=AGENT)
    assert stage.gone("agent", lease.port, heirs={lease.port: holder(9)}) == []
    passed = live(stage, lease)
    assert passed is not None
    assert passed.holder == holder(9)
    stage.die(holder(9))
    assert live(stage, lease) is None


def test_leases_that_are_kept_last_as_long_as_nobodys() -> None:
    stage = Stage()
    stage.register(holder=holder(7))
    lease = stage.allocate(owner=AGENT)
    short = stage.allocate(owner=AGENT, ttl=60.0)
    own = stage.allocate(owner=AGENT, holder=holder(7))
    ruling = decide_leave_keeping(stage.desk, "agent", now=stage.now)
    stage.write(ruling.events)
    assert ruling.answer == []
    assert stage.desk.instances == {}
    ends = {each.port: each.expires_at for each in stage.desk.lease_index}
    assert ends == {
        lease.port: stage.now + HEALTH.unused_ttl,
        short.port: short.expires_at,
        own.port: None,
    }
    assert stage.replayed().lease_index.get(lease.lock_id) == live(stage, lease)


def test_a_singleton_ends_with_the_instance_that_holds_it() -> None:
    stage = Stage()
    stage.register()
    first = stage.allocate("ai", owner=AGENT)
    stage.gone(reason="process died")
    second = stage.allocate("ai", owner=P)
    assert second.lock_id != first.lock_id


# --- silent --------------------------------------------------------------------------------------


def test_silence_must_last_several_checks_before_anything_is_taken() -> None:
    stage = Stage()
    stage.register()
    stage.now += HEALTH.heartbeat_timeout - 1
    assert check(stage, {}) == instances.Silence({}, ())
    stage.now += 1
    misses: dict[str, int] = {}
    for count in range(1, HEALTH.max_failures):
        silence = check(stage, misses)
        assert silence == instances.Silence({"agent": count}, ())
        misses = dict(silence.misses)
    assert check(stage, misses) == instances.Silence({}, ("agent",))


def test_one_sign_of_life_ends_the_silence() -> None:
    stage = Stage()
    stage.register()
    stage.now += 8 * 3600  # the machine slept
    misses = dict(check(stage, {}).misses)
    stage.hear()
    assert check(stage, misses) == instances.Silence({}, ())


def test_silence_begins_when_the_daemon_could_hear() -> None:
    stage = Stage()
    stage.register()
    stage.now += 8 * 3600
    assert check(stage, {}, since=stage.now - 10) == instances.Silence({}, ())


def test_an_instance_with_a_process_needs_no_heartbeat() -> None:
    stage = Stage()
    stage.register(holder=holder(7))
    stage.now += 365 * 86400
    assert check(stage, {"agent": 99}) == instances.Silence({}, ())
    assert instances.with_holder(stage.desk, holder(7)) == ["agent"]
    assert instances.with_holder(stage.desk, holder(7, 2)) == []


# --- cleanup -------------------------------------------------------------------------------------


def test_a_forced_cleanup_ends_all_that_no_listener_uses_and_no_more() -> None:
    stage = Stage()
    used = stage.allocate(owner=P, holder=holder(1))
    unused = stage.allocate(owner=P, holder=holder(2))
    singleton = stage.allocate("ai", owner=P)
    assert set(stage.clean(used.port)) == {unused, singleton}
    assert set(stage.desk.lease_index) == {used}
    fresh = stage.grant(LeaseRequest(service_type="ai"))
    assert not fresh.existing
    assert fresh.lease.lock_id != singleton.lock_id
