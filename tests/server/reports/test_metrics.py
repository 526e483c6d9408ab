"""The daemon in numbers: as Prometheus reads it, bounded, and paid for only when asked.

Also tests `request_metrics`.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import styxy
from tests.daemon import Daemon, question
from tests.fakes import clean_environment


def scrape(daemon: Daemon) -> str:
    """Ask as Prometheus does."""
    with closing(daemon.connect()) as connection:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        assert response.headers["content-type"].startswith("text/plain; version=")
        return response.read().decode()


def value(daemon: Daemon, sample: str) -> float:
    """Find one sample by its whole name."""
    found = [line for line in scrape(daemon).splitlines() if line.startswith(sample + " ")]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_prometheus_can_read_it(daemon: Daemon) -> None:
    daemon.allocate("build")
    families = {each.name: each for each in text_string_to_metric_families(scrape(daemon))}
    assert all(family.documentation and family.type != "unknown" for family in families.values())
    assert families["styxy_leases"].samples[0].labels == {
        "service_type": "build",
        "state": "reserved",
    }
    names = {
        "styxy_leases_granted", "styxy_leases_released", "styxy_reassignments",
        "styxy_port_conflicts_detected", "styxy_http_requests", "styxy_refusals",
        "styxy_rate_limited", "styxy_loop_stalls", "styxy_leases", "styxy_instances",
        "styxy_listeners", "styxy_event_followers", "styxy_uptime_seconds", "styxy_info",
        "styxy_http_request_duration_seconds", "styxy_journal_commit_duration_seconds",
        "styxy_line_question_duration_seconds", "styxy_range_ports",
        "process_virtual_memory_bytes", "process_resident_memory_bytes",
        "process_start_time_seconds", "process_cpu_seconds", "process_open_fds",
        "process_max_fds",
    }  # fmt: skip
    assert names == families.keys()


def test_promtool_finds_nothing_to_complain_of(daemon: Daemon) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool")
    daemon.allocate("build")
    daemon.ask(question(3000))
    daemon.call("DELETE", "/allocate/no-such-lease")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=scrape(daemon), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_has_not_happened_yet_is_a_zero_that_can_rise(fresh: Daemon) -> None:
    lines = scrape(fresh).splitlines()
    for sample in (
        'styxy_leases_granted_total{service_type="storybook"}',
        'styxy_reassignments_total{service_type="storybook"}',
        'styxy_leases_released_total{reason="holder died"}',
    ):
        assert f"{sample} 0.0" in lines


def test_the_size_of_each_range_is_shown(daemon: Daemon) -> None:
    assert value(daemon, 'styxy_range_ports{service_type="storybook"}') == 24
    made = daemon.allocate("grafana")
    first, last = made["allocated_range"]
    assert value(daemon, 'styxy_range_ports{service_type="grafana"}') == last - first + 1


def test_each_metric_has_its_help_and_type_lines(daemon: Daemon) -> None:
    text = scrape(daemon)
    names = set(re.findall(r"^# HELP (\S+) \S", text, re.M))
    assert names == set(re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram)$", text, re.M))
    assert "styxy_port_conflicts_detected_total" in names


def test_what_happens_is_counted(daemon: Daemon) -> None:
    granted = 'styxy_leases_granted_total{service_type="build"}'
    released = 'styxy_leases_released_total{reason="released"}'
    refused = 'styxy_refusals_total{code="unknown_lease"}'
    before = [value(daemon, name) for name in (granted, released, refused)]
    lease = daemon.allocate("build")
    for _ in range(2):
        daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
    assert [value(daemon, name) for name in (granted, released, refused)] == [
        count + 1 for count in before
    ]


def test_a_candidate_that_is_taken_is_counted(daemon: Daemon) -> None:
    name = "styxy_port_conflicts_detected_total"
    lease = daemon.allocate("build")
    daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
    before = value(daemon, name)
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", lease["port"]))
        assert daemon.allocate("build", preferred_port=lease["port"])["port"] != lease["port"]
    assert value(daemon, name) > before


def test_labels_do_not_grow_with_what_clients_ask(daemon: Daemon) -> None:
    scrape(daemon)  # whose own histogram is there from the second time on
    before = len(scrape(daemon).splitlines())
    for number in range(20):
        daemon.call("GET", f"/no-such-path-{number}")
        daemon.call("GET", f"/check/{3000 + number}")
        daemon.call("DELETE", f"/allocate/no-such-lease-{number}")
    assert len(scrape(daemon).splitlines()) - before < 60  # three histograms, whatever was asked


def test_json_says_the_same(daemon: Daemon) -> None:
    metrics: list[dict[str, Any]] = daemon.call("GET", "/metrics?format=json").body["metrics"]
    in_text = set(re.findall(r"^# TYPE (\S+?)(?:_total)? ", scrape(daemon), re.M))
    assert {each["name"] for each in metrics} == in_text
    assert all(each["type"] and each["help"] for each in metrics)
    assert daemon.call("GET", "/metrics?format=xml").status == 400


def test_a_daemon_that_nobody_scrapes_does_not_load_the_library() -> None:
    heavy = {"prometheus_client", "styxy.server.http.openapi", "styxy.server.http.docs_page"}
    program = "import styxy.server.__main__, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env=clean_environment(PYTHONPATH=str(Path(styxy.__file__).parent.parent)),
    )  # fmt: skip
    assert not heavy & set(done.stdout.split())
