"""Ranges that are made for requests: once for all who ask, in the file and in the journal."""

from __future__ import annotations

import itertools
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemon import Daemon, wait_until

if TYPE_CHECKING:
    from pathlib import Path


def entries(daemon: Daemon) -> dict[str, Any]:
    """Read the service types of config.json."""
    path = daemon.home / "config.json"
    if not path.exists():
        return {}
    types = json.loads(path.read_text())["service_types"]
    assert isinstance(types, dict)
    return types


def made(daemon: Daemon) -> dict[str, list[list[int]]]:
    """Ask which types were made, and their ranges."""
    answer = daemon.call("GET", "/auto-allocation").body
    return {each["service_type"]: each["ranges"] for each in answer["service_types"]}


def test_a_new_type_is_leased_from_recorded_and_written_in_one_step(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        granted = daemon.allocate("grafana")
        assert granted["auto_allocated"] is True
        assert (granted["chunk_size"], granted["placement"]) == (10, "after")
        first, last = granted["allocated_range"]
        assert (granted["port"], last - first) == (first, 9)
        assert entries(daemon)["grafana"]["range"] == [first, last]
        assert len(entries(daemon)["grafana"]["auto_allocated"]) == len("2026-01-01")
        again = daemon.allocate("grafana")
        assert again["port"] == first + 1
        assert "auto_allocated" not in again
        events = daemon.call("GET", "/audit?limit=1000").body["events"]
        assert "range_added" in {each["event"] for each in events}


def test_a_made_type_survives_a_kill_and_the_loss_of_the_file(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        span = daemon.allocate("grafana")["allocated_range"]
        daemon.kill()
        (daemon.home / "config.json").unlink()
        daemon.start()
        assert made(daemon) == {"grafana": [span]}
        daemon.allocate("loki")
        assert entries(daemon).keys() == {"grafana", "loki"}, "written again with the next one"


def test_twenty_who_ask_for_one_new_type_get_one_range(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon, ThreadPoolExecutor(20) as limit:
        answers = list(limit.map(lambda _: daemon.allocate("grafana"), range(20)))
        assert len({answer["port"] for answer in answers}) == 20
        spans = made(daemon)["grafana"]
        assert sum(last - first + 1 for first, last in spans) == 20, "it grew once"
        assert sum("auto_allocated" in answer for answer in answers) == 1


def test_ten_new_types_at_once_get_ten_ranges_with_their_gaps(tmp_path: Path) -> None:
    names = [f"kind-{number}" for number in range(10)]
    with Daemon(tmp_path / "home") as daemon, ThreadPoolExecutor(10) as limit:
        answers = list(limit.map(daemon.allocate, names))
        spans = sorted(tuple(answer["allocated_range"]) for answer in answers)
        assert all(upper[0] - lower[1] - 1 >= 10 for lower, upper in itertools.pairwise(spans))
        assert entries(daemon).keys() == set(names)


def test_a_dry_run_and_a_bad_name_write_nothing(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        dry = daemon.allocate("grafana", dry_run=True)
        assert dry["auto_allocated"] is True
        for name in ("-x", "a b", "x" * 60, ""):
            assert daemon.call("POST", "/allocate", {"service_type": name}).status == 400
        assert (entries(daemon), made(daemon)) == ({}, {})


def test_a_range_stays_clear_of_a_listener(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon, socket.socket() as server:
        first, _ = daemon.allocate("one", dry_run=True)["allocated_range"]
        server.bind(("127.0.0.1", first + 3))
        server.listen()
        assert daemon.allocate("one")["allocated_range"][0] > first + 3


def test_a_type_waits_for_its_confirmation(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        changes = {"auto_allocation": {"require_confirmation": True}}
        daemon.call("PATCH", "/config", {"changes": changes})
        refused = daemon.call("POST", "/allocate", {"service_type": "grafana"})
        assert (refused.status, refused.body["code"]) == (409, "confirmation_required")
        assert made(daemon) == {}
        token = refused.body["context"]["confirm"]
        span = daemon.allocate("grafana", confirm=token)["allocated_range"]
        assert span == refused.body["context"]["allocated_range"]


def test_a_file_that_is_broken_keeps_no_type_from_being_made(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        (daemon.home / "config.json").write_text("{ not json")
        daemon.allocate("grafana")
        assert (daemon.home / "config.json").read_text() == "{ not json", "it is the user's"
        assert made(daemon).keys() == {"grafana"}
        (daemon.home / "config.json").write_text("{}")
        daemon.allocate("loki")
        assert entries(daemon).keys() == {"grafana", "loki"}


def test_an_entry_that_the_user_takes_out_is_gone(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        lease = daemon.allocate("grafana")
        daemon.allocate("loki")
        daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
        types = entries(daemon)
        (daemon.home / "config.json").write_text(
            json.dumps({"service_types": {"dev": {"description": "mine"}}})
        )
        wait_until(lambda: "grafana" not in made(daemon))
        assert made(daemon) == {"loki": [types["loki"]["range"]]}, "a lease lives in it"


def test_undo_is_refused_while_leases_live(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        lease = daemon.allocate("grafana")
        refused = daemon.call("DELETE", "/auto-allocation/grafana")
        assert (refused.status, refused.body["code"]) == (409, "conflict")
        daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
        assert daemon.call("DELETE", "/auto-allocation/grafana").status == 200
        assert (entries(daemon), made(daemon)) == ({}, {})
        daemon.stop()
        daemon.start()
        assert made(daemon) == {}


def test_a_forced_undo_ends_unused_leases(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        daemon.allocate("grafana")
        assert daemon.call("DELETE", "/auto-allocation/grafana?force=true").status == 200
        assert daemon.leases() == []


@pytest.mark.parametrize(("name", "status"), [("dev", 409), ("nothing", 404)])
def test_only_a_made_type_is_undone(tmp_path: Path, name: str, status: int) -> None:
    with Daemon(tmp_path / "home") as daemon:
        assert daemon.call("DELETE", f"/auto-allocation/{name}").status == status


def test_the_ranges_of_a_busy_day_are_in_the_file_as_they_are_in_the_daemon(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        daemon.call("PATCH", "/config", {"changes": {"auto_allocation": {"default_chunk_size": 2}}})
        for name in ("one", "two", "one", "one", "two", "two"):
            daemon.allocate(name)
        for name, (first, *more) in made(daemon).items():
            assert entries(daemon)[name]["range"] == first
            assert entries(daemon)[name].get("additional_ranges", []) == more
