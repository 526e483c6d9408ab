"""instances, use, cleanup, scan: what they ask, print and return."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from styxy.client.cli.main import run_command
from tests.fakes import FakeDaemon, clean_environment

AI = {"success": True, "existing": True, "port": 11430, "dry_run": True, "message": "it runs"}


CONFIGURATION = {
    "service_types": {
        "dev": {"instance_behavior": "multi"},
        "database": {"instance_behavior": "multi"},
        "ai": {"instance_behavior": "single"},
    }
}


def _answered(
    answer: Mapping[str, object], _method: str, path: str, _body: object
) -> tuple[int, Mapping[str, object]]:
    return 200, CONFIGURATION if path == "/config" else answer


class Said:
    """What a command asked, printed and returned."""

    def __init__(self, tmp_path: Path, answer: Mapping[str, object], *words: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        with FakeDaemon(tmp_path / "s", partial(_answered, answer)) as daemon:
            env = clean_environment(STYXY_SOCKET=str(tmp_path / "s"))
            self.code = run_command(words, env, out=out, err=err)
        self.asked = daemon.asked
        self.out = out.getvalue()
        self.err = err.getvalue()


def test_use_prints_the_port_of_a_singleton_that_runs(tmp_path: Path) -> None:
    said = Said(tmp_path, AI, "use", "ai")
    assert (said.code, said.out, said.err) == (0, "11430\n", "")
    assert said.asked == [
        ("GET", "/config", None),
        ("POST", "/allocate", {"service_type": "ai", "dry_run": True}),
    ]


def test_use_as_json_is_the_answer_of_the_daemon(tmp_path: Path) -> None:
    assert json.loads(Said(tmp_path, AI, "use", "ai", "--json").out) == AI


def test_use_says_that_none_runs_and_how_to_start_one(tmp_path: Path) -> None:
    types = {"ai": {"instance_behavior": "single"}}
    would_be = {"success": True, "port": 11430, "dry_run": True, "service_types": types}
    said = Said(tmp_path, would_be, "use", "ai")
    assert (said.code, said.out) == (1, "")
    assert said.err == "styxy: no ai singleton is running; start one with: styxy run -s ai -- CMD\n"
    failed = Said(tmp_path, would_be, "use", "ai", "--json")
    assert (failed.code, failed.err) == (1, "")
    body = json.loads(failed.out)
    assert (body["success"], body["code"]) == (False, "not_found")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "dev",
            "dev is not a singleton type (singletons: ai); for a port of your own: "
            "styxy allocate -s dev",
        ),
        ("zork", "unknown service type 'zork'; expected one of: dev, database, ai"),
        ("databse", "unknown service type 'databse'; did you mean 'database'?"),
    ],
)
def test_use_of_what_nobody_shares_says_so_and_asks_for_no_port(
    tmp_path: Path, name: str, sentence: str
) -> None:
    said = Said(tmp_path, {}, "use", name)
    assert (said.code, said.out, said.err) == (1, "", f"styxy: {sentence}\n")
    assert said.asked == [("GET", "/config", None)]


@pytest.mark.parametrize(
    ("flags", "body"),
    [
        ([], {"force": False}),
        (["-f"], {"force": True, "project_path": os.getcwd()}),
        (["--force", "--project", "/gone"], {"force": True, "project_path": "/gone"}),
        (["--project", "/gone"], {"force": False, "project_path": "/gone"}),
        (["-f", "--all", "--yes"], {"force": True}),
    ],
)
def test_cleanup_says_what_it_released(
    tmp_path: Path, flags: list[str], body: dict[str, object]
) -> None:
    lease = {"port": 3000, "service_type": "dev", "service_name": "web", "lock_id": "abc"}
    answer = {"cleaned": 1, "released": [lease], "message": "Released 1 lease: 3000"}
    said = Said(tmp_path, answer, "cleanup", *flags)
    assert said.asked == [("POST", "/cleanup", body)]
    assert (said.code, said.err) == (0, "")
    assert said.out == "Released 1 lease: 3000\n  3000  dev web (abc)\n"


@pytest.mark.parametrize(
    ("flags", "code", "sentence"),
    [
        (["--all"], 2, "--all goes with -f"),
        (["-f", "--all", "--project", "/p"], 2, "exclude each other"),
        (["-f", "--all"], 1, "styxy cleanup -f --all --yes"),
    ],
)
def test_a_cleanup_of_every_project_is_said_twice(
    tmp_path: Path, flags: list[str], code: int, sentence: str
) -> None:
    said = Said(tmp_path, {}, "cleanup", *flags)
    assert (said.code, said.out, said.asked) == (code, "", [])
    assert sentence in said.err


def test_instances_are_a_table(tmp_path: Path) -> None:
    row = {
        "instance_id": "agent-1",
        "age": 61.5,
        "last_heartbeat": "2026-11-21T10:00:00Z",
        "pid": None,
        "template": "dev",
        "leases": [{"port": 3000}, {"port": 8000}],
        "working_directory": "/p",
    }
    said = Said(tmp_path, {"instances": [row]}, "instances")
    assert said.asked == [("GET", "/instance/list", None)]
    title, line = said.out.splitlines()
    assert title.split() == ["INSTANCE", "AGE", "HEARD", "PID", "TEMPLATE", "PORTS", "DIRECTORY"]
    assert line.startswith("agent-1   1 m 1 s  2026-11-2")
    assert line.endswith("-    dev       3000 8000  /p")
    assert Said(tmp_path, {"instances": []}, "instances").out == "no instances are registered\n"


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ([], "/scan"),
        (["-s", "3000"], "/scan?start=3000"),
        (["--start", "3000", "--end", "9999"], "/scan?start=3000&end=9999"),
    ],
)
def test_scan_asks_for_the_range(tmp_path: Path, words: list[str], path: str) -> None:
    said = Said(tmp_path, {"ports_in_use": []}, "scan", *words)
    assert said.asked == [("GET", path, None)]
    assert said.out == "no port is leased or in use\n"


def test_scan_is_a_table_of_leases_and_listeners(tmp_path: Path) -> None:
    lease = {"service_type": "dev", "service_name": "web", "pid": 7, "protocol": "tcp"}
    usage = {"protocol": "udp", "addresses": ["::", "0.0.0.0"], "pid": 9, "process": "node"}
    rows = [
        {"port": 3000, "allocated_to": lease, "system_usage": None},
        {"port": 4000, "allocated_to": None, "system_usage": usage},
    ]
    lines = Said(tmp_path, {"ports_in_use": rows}, "scan").out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["3000", "tcp", "dev", "web", "7", "-", "-", "-"],
        ["4000", "udp", "-", "-", "9", "node", "::", "0.0.0.0", "-"],
    ]


@pytest.mark.parametrize(
    "words", [["scan", "-s", "0"], ["scan", "-e", "65536"], ["scan", "-s", "x"], ["use"]]
)
def test_words_that_make_no_sense_are_wrong_usage(tmp_path: Path, words: list[str]) -> None:
    said = Said(tmp_path, {}, *words)
    assert (said.code, said.out, said.asked) == (2, "", [])
