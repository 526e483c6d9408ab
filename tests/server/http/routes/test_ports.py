"""The truth about ports over HTTP: what is free, who is there, what was moved."""

from __future__ import annotations

import os
import socket

import pytest

from tests.daemon import Daemon, port_of, question


def test_a_free_port_is_available(daemon: Daemon, server: socket.socket) -> None:
    port = port_of(server)
    server.close()
    assert daemon.call("GET", f"/check/{port}").body == {
        "port": port,
        "available": True,
        "reason": "free",
        "allocated_to": None,
        "system_usage": None,
    }


def test_a_listener_is_shown_with_its_process(daemon: Daemon, server: socket.socket) -> None:
    answer = daemon.call("GET", f"/check/{port_of(server)}").body
    assert answer["available"] is False
    assert answer["allocated_to"] is None
    usage = answer["system_usage"]
    assert (usage["protocol"], usage["addresses"]) == ("tcp", ["127.0.0.1"])
    assert usage["pid"] == os.getpid()
    assert usage["process"] in answer["reason"]
    assert str(os.getpid()) in answer["reason"]
    assert usage["since"].endswith("Z")
    assert "py" in usage["command"]


@pytest.mark.parametrize(("address", "family"), [("::1", socket.AF_INET6), ("::", socket.AF_INET6)])
def test_a_listener_on_the_other_family_is_seen(
    daemon: Daemon, address: str, family: socket.AddressFamily
) -> None:
    with socket.socket(family) as server:
        server.bind((address, 0))
        server.listen()
        answer = daemon.call("GET", f"/check/{port_of(server)}").body
        assert answer["available"] is False
        assert answer["system_usage"]["addresses"] == [address]


def test_a_leased_port_is_not_available_though_nothing_listens(daemon: Daemon) -> None:
    lease = daemon.allocate("build", service_name="web", project_path="/p")
    answer = daemon.call("GET", f"/check/{lease['port']}").body
    assert answer["available"] is False
    assert answer["allocated_to"]["lock_id"] == lease["lock_id"]
    assert answer["reason"] == "leased to web (build) of /p"


def test_a_bound_socket_that_does_not_listen_is_no_free_port(daemon: Daemon) -> None:
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        answer = daemon.call("GET", f"/check/{port_of(idle)}").body
        assert (answer["available"], answer["system_usage"]) == (False, None)


def test_a_privileged_port_may_be_looked_at(daemon: Daemon) -> None:
    assert daemon.call("GET", "/check/1").status == 200


@pytest.mark.parametrize(
    "text", ["abc", "0", "65536", "-1", "3.5", "%E2%91%A0", "%FF", "3000%00", "9" * 5000, "%20"]
)
def test_what_is_no_port_is_refused(daemon: Daemon, text: str) -> None:
    answer = daemon.call("GET", f"/check/{text}")
    assert (answer.status, answer.body["code"]) == (400, "invalid_input")


def test_suggestions_are_free_and_stay_free(daemon: Daemon) -> None:
    with socket.socket() as server:
        taken = daemon.call("GET", "/suggest/build").body["suggestions"]
        server.bind(("127.0.0.1", taken[0]))
        server.listen()
        leased = daemon.allocate("build")["port"]
        answer = daemon.call("GET", "/suggest/build?count=3").body
    assert (answer["service_type"], answer["count"]) == ("build", 3)
    assert len(answer["suggestions"]) == 3
    assert not {taken[0], leased} & set(answer["suggestions"])
    assert "fallback" not in answer


def test_an_unknown_type_is_answered_for_dev_and_says_so(daemon: Daemon) -> None:
    answer = daemon.call("GET", "/suggest/nothing-like-it").body
    assert (answer["service_type"], answer["fallback"]) == ("dev", True)
    assert "nothing-like-it" in answer["message"]


@pytest.mark.parametrize("query", ["count=0", "count=-1", "count=x", "count=1001", "cuont=3"])
def test_a_query_that_cannot_be_meant_is_refused(daemon: Daemon, query: str) -> None:
    answer = daemon.call("GET", f"/suggest/build?{query}")
    assert (answer.status, answer.body["code"]) == (400, "invalid_input")


def test_a_move_is_listed_with_the_newest_last(daemon: Daemon, server: socket.socket) -> None:
    for project in ("/one", "/two"):
        assert b" move " in daemon.ask(question(port_of(server), project=project))
    listed = daemon.call("GET", "/reassignments").body["reassignments"]
    assert [each["project"] for each in listed[-2:]] == ["/one", "/two"]
    last = listed[-1]
    assert last["requested_port"] == port_of(server)
    assert last["pid"] == os.getpid()
    assert last["service_type"] == "dev"
    assert last["process"]
    assert last["at"].endswith("Z")


def test_what_is_not_utf_8_can_be_shown(daemon: Daemon, server: socket.socket) -> None:
    assert b" move " in daemon.ask(question(port_of(server), project="/srv/caf%E9"))
    (lease,) = daemon.leases()
    assert os.fsencode(lease["project_path"]) == b"/srv/caf\xe9"
    assert daemon.call("GET", f"/check/{lease['port']}").status == 200
    assert daemon.call("GET", "/reassignments").status == 200
