"""Leases over HTTP: granted, listed, ended.

Also tests `service`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from tests.daemon import Daemon, answer_of, port_of

BUILD = range(8200, 8300)


def shown(path: str) -> str:
    """Spell a path as people do."""
    home = os.path.expanduser("~")
    return path.replace(home, "~", 1) if path.startswith(f"{home}/") else path


@pytest.mark.parametrize("over", ["unix", "tcp"])
def test_a_lease_is_granted_listed_and_released(daemon: Daemon, over: str) -> None:
    answer = daemon.call(
        "POST",
        "/allocate",
        {
            "service_type": "build",
            "service_name": "web",
            "instance_id": "agent-1",
            "project_path": "/p",
            "pid": os.getpid(),
        },
        over=over,
    )
    assert answer.status == 200
    granted = answer.body
    assert granted["success"] is True
    assert granted["port"] in BUILD
    assert (granted["service_type"], granted["service_name"]) == ("build", "web")
    (lease,) = daemon.call("GET", "/allocations", over=over).body["allocations"]
    assert (lease["port"], lease["lock_id"]) == (granted["port"], granted["lock_id"])
    assert (lease["project_path"], lease["instance_id"]) == ("/p", "agent-1")
    assert (lease["pid"], lease["state"], lease["expires_at"]) == (os.getpid(), "reserved", None)
    released = daemon.call("DELETE", f"/allocate/{granted['lock_id']}", over=over)
    assert (released.status, released.body["success"]) == (200, True)
    assert released.body["port"] == granted["port"]
    assert daemon.leases() == []
    again = daemon.call("DELETE", f"/allocate/{granted['lock_id']}", over=over)
    assert (again.status, again.body["code"]) == (404, "unknown_lease")


def test_a_lease_without_a_holder_has_an_end(daemon: Daemon) -> None:
    assert daemon.allocate("build")["expires_at"].endswith("Z")
    assert daemon.leases()[0]["pid"] is None


def test_the_name_of_a_type_may_be_written_large(daemon: Daemon) -> None:
    assert daemon.allocate("Build")["service_type"] == "build"


def test_a_preferred_port_is_granted_if_it_is_free(daemon: Daemon, server: socket.socket) -> None:
    assert daemon.allocate("build", preferred_port=8277)["port"] == 8277
    assert daemon.allocate("build", preferred_port=port_of(server))["port"] in BUILD


def test_a_port_that_somebody_listens_on_is_not_granted(daemon: Daemon) -> None:
    first = daemon.allocate("build", dry_run=True)["port"]
    with socket.socket() as server:
        server.bind(("127.0.0.1", first))
        server.listen()
        assert daemon.allocate("build")["port"] != first


def test_a_port_of_udp_is_asked_for_as_such(daemon: Daemon) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        port = port_of(service)
        assert daemon.allocate("build", preferred_port=port, protocol="udp")["port"] != port
        assert daemon.allocate("build", preferred_port=port, protocol="both")["port"] != port
        assert daemon.allocate("build", preferred_port=port)["port"] == port


def test_a_dry_run_leases_nothing(daemon: Daemon) -> None:
    answer = daemon.allocate("build", dry_run=True)
    assert answer["dry_run"] is True
    assert "lock_id" not in answer
    assert daemon.leases() == []


def test_a_dry_run_of_a_singleton_that_runs_hands_out_no_lease(daemon: Daemon) -> None:
    first = daemon.allocate("ai")
    answer = daemon.allocate("ai", dry_run=True)
    assert (answer["existing"], answer["port"], answer["dry_run"]) == (True, first["port"], True)
    assert "lock_id" not in answer


def test_a_service_comes_back_to_its_port(daemon: Daemon) -> None:
    request = {"project_path": "/sticky", "service_name": "web"}
    first = daemon.allocate("build", preferred_port=8266, **request)
    daemon.call("DELETE", f"/allocate/{first['lock_id']}")
    assert daemon.allocate("build", **request)["port"] == 8266
    assert daemon.allocate("build", **request)["port"] != 8266
    assert daemon.allocate("build", sticky=False, **request)["port"] != 8266


def test_reuse_is_the_same_lease(daemon: Daemon) -> None:
    request = {"project_path": "/p", "service_name": "web", "pid": os.getpid()}
    first = daemon.allocate("build", **request)
    again = daemon.allocate("build", reuse=True, **request)
    assert again["existing"] is True
    assert again["message"] == f"Port {first['port']} is already yours for service 'web'"
    assert (again["port"], again["lock_id"]) == (first["port"], first["lock_id"])
    assert daemon.allocate("build", **request)["lock_id"] != first["lock_id"]


def test_one_singleton_serves_everybody_in_the_same_words(daemon: Daemon) -> None:
    first = daemon.allocate("ai", instance_id="one", pid=os.getpid())
    second = daemon.allocate("ai", instance_id="two")
    assert "existing" not in first
    assert second["success"] is True
    assert second["existing"] is True
    assert (second["port"], second["lock_id"]) == (first["port"], first["lock_id"])
    assert second["existing_instance_id"] == "one"
    assert second["existing_pid"] == os.getpid()
    assert second["allocated_at"].endswith("Z")
    port = first["port"]
    assert second["message"] == (
        f"Service 'ai' only allows single instance: unnamed-service (pid {os.getpid()}, "
        f"{shown(first['project_path'])}) runs on port {port}; use that one: styxy use ai"
    )
    daemon.call("DELETE", f"/allocate/{first['lock_id']}")
    assert daemon.allocate("ai")["lock_id"] != first["lock_id"]


def test_leases_are_filtered(daemon: Daemon) -> None:
    daemon.allocate("build", project_path="/p one", instance_id="a")
    daemon.allocate("auth", project_path="/p one", instance_id="b")
    daemon.allocate("auth", project_path="/q", instance_id="b")
    assert len(daemon.leases("?service_type=auth")) == 2
    assert len(daemon.leases("?project=%2Fp%20one")) == 2
    assert len(daemon.leases("?instance_id=b&project=/q")) == 1
    assert daemon.leases("?service_type=nope") == []


def test_a_hundred_at_once_get_a_hundred_ports_and_the_next_a_refusal(daemon: Daemon) -> None:
    ready = threading.Barrier(20)

    def five(_: int) -> list[int]:
        ready.wait()
        with closing(daemon.connect()) as connection:
            found = []
            for _ in range(5):
                connection.request("POST", "/allocate", b'{"service_type": "build"}')
                answer = answer_of(connection.getresponse())
                found.append(answer.body["port"] if answer.status == 200 else 0)
            return found

    with ThreadPoolExecutor(20) as pool:
        ports = [port for ports in pool.map(five, range(20)) for port in ports]
    granted = [port for port in ports if port]
    assert len(granted) == len(set(granted))
    strangers = set(BUILD) - set(granted)  # whatever else this machine runs there
    assert len(strangers) == ports.count(0) <= 10
    refusal = daemon.call("POST", "/allocate", {"service_type": "build"})
    assert (refusal.status, refusal.body["code"]) == (409, "range_exhausted")
    assert refusal.body["success"] is False
    assert f"8200-8299 is full ({len(granted)} leases" in refusal.body["error"]
    assert refusal.body["context"]["port_range"] == [8200, 8299]
    assert refusal.body["context"]["allocated_ports"] == sorted(granted)
    assert refusal.body["context"]["suggestions"]
    assert len(daemon.leases()) == len(granted)


def test_a_pid_that_is_nobody_is_refused(daemon: Daemon) -> None:
    process = subprocess.Popen([sys.executable, "-IS", "-c", ""])
    process.wait()
    for pid in (process.pid, 2**22):
        answer = daemon.call("POST", "/allocate", {"service_type": "build", "pid": pid})
        assert (answer.status, answer.body["code"]) == (400, "invalid_input")
        assert str(pid) in answer.body["error"]


def test_a_thread_is_no_holder(daemon: Daemon) -> None:
    told: list[Any] = []

    def request() -> None:
        body = {"service_type": "build", "pid": threading.get_native_id()}
        told.append(daemon.call("POST", "/allocate", body))

    thread = threading.Thread(target=request)
    thread.start()
    thread.join()
    assert told[0].status == 400
    assert daemon.leases() == []


# --- whose a lease is ----------------------------------------------------------------------------


def test_the_lease_of_another_project_is_released_by_force_alone(daemon: Daemon) -> None:
    lease = daemon.allocate("build", project_path="/p", service_name="web")
    path = f"/allocate/{lease['lock_id']}"
    refused = daemon.call("DELETE", f"{path}?project_path=/q")
    assert (refused.status, refused.body["code"]) == (409, "not_yours")
    assert "web (build) of /p" in refused.body["error"]
    assert daemon.call("DELETE", f"{path}?project_path=/q&force=true").status == 200


def test_a_lease_is_released_by_its_own_project(daemon: Daemon) -> None:
    lease = daemon.allocate("build", project_path="/p")
    assert daemon.call("DELETE", f"/allocate/{lease['lock_id']}?project_path=/p").status == 200


def test_a_cleanup_of_one_project_leaves_the_others_alone(daemon: Daemon) -> None:
    for project in ("/p", "/q"):
        daemon.allocate("build", project_path=project)
    body = {"force": True, "project_path": "/p"}
    released = daemon.call("POST", "/cleanup", body).body["released"]
    assert [lease["project_path"] for lease in released] == ["/p"]
    assert [lease["project_path"] for lease in daemon.leases()] == ["/q"]


def test_a_preferred_port_that_could_not_be_had_is_said(daemon: Daemon) -> None:
    request = {"project_path": "/p", "service_name": "web"}
    daemon.allocate("build", preferred_port=8266, **request)
    other = daemon.allocate("build", preferred_port=8266, project_path="/q", service_name="api")
    assert other["preferred_reason"] == "leased to web (build) of /p"
    assert other["message"].endswith("; not 8266: leased to web (build) of /p")
    again = daemon.allocate("build", preferred_port=8277, reuse=True, **request)
    assert (again["port"], again["preferred_reason"]) == (8266, "this service has port 8266")


def test_a_made_type_is_announced_in_the_answer_and_in_the_log(fresh: Daemon) -> None:
    answer = fresh.allocate("grafana")
    first, last = answer["allocated_range"]
    announcement = f"New service type 'grafana' auto-configured: {first}-{last}"
    assert answer["message"] == announcement
    assert announcement in fresh.log.read_text()


def test_a_misspelled_type_is_a_proposal(fresh: Daemon) -> None:
    refused = fresh.call("POST", "/allocate", {"service_type": "devv"})
    assert (refused.status, refused.body["code"]) == (409, "confirmation_required")
    assert "did you mean 'dev'?" in refused.body["error"]
    token = refused.body["context"]["confirm"]
    assert fresh.allocate("devv", confirm=token)["auto_allocated"] is True
