"""What docs/monitoring.md hands to Prometheus and Grafana works: configuration, rules and a board,
whose every query a real Prometheus answers with data of a real daemon.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.daemon import LONGEST, Daemon, question, wait_until
from tests.docs.pages import ROOT, text_of

FOLDER = ROOT / "docs/monitoring"
BOARD: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text(encoding="utf-8"))
QUERIES: dict[str, str] = {
    f"{panel['title']}: {target['legendFormat']}": target["expr"]
    for panel in BOARD["panels"]
    for target in panel["targets"]
}
"""What each line of each panel asks, by the names that its reader sees."""


def need(program: str) -> str:
    """Find a program, or skip the test by its name."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"there is no {program}")
    return found


def configuration(daemon: Daemon, folder: Path) -> Path:
    """Adapt the page's configuration to a daemon, as it tells its readers to, and hurry it up."""
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    for theirs, ours in (
        ("/home/ada/.styxy", str(daemon.home)),
        ("127.0.0.1:9876", f"127.0.0.1:{daemon.port}"),
        ("scrape_interval: 15s", "scrape_interval: 200ms"),
    ):
        assert theirs in text
        text = text.replace(theirs, ours)
    config = folder / "prometheus.yml"
    config.write_text(f'rule_files: ["{FOLDER}/rules.yml"]\n{text}', encoding="utf-8")
    return config


class Prometheus:
    """A Prometheus at a port of the kernel's choice, and what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.port = 0
        for line in process.stderr or ():
            if 'msg="Listening on"' in line:
                self.port = int(line.split()[-1].rpartition(":")[2])
            if "Server is ready to receive web requests" in line:
                return
        raise AssertionError("Prometheus ended before it was ready")

    def get(self, path: str, **query: str) -> Any:
        """Ask its API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        with closing(connection):
            connection.request("GET", f"/api/v1/{path}?{urlencode(query)}")
            answer = json.loads(connection.getresponse().read())
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, query: str) -> list[Any]:
        """Ask for what a query gives now, as Grafana would spell it."""
        found = self.get("query", query=query.replace("$__rate_interval", "1m"))["result"]
        assert isinstance(found, list)
        return found


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon."""
    with Daemon(tmp_path_factory.mktemp("monitored") / "home") as running:
        yield running


@pytest.fixture
def prometheus(daemon: Daemon, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the daemon, with the configuration and the rules of the page."""
    program, config = need("prometheus"), configuration(daemon, tmp_path)
    command = [
        program, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            yield Prometheus(process)
        finally:
            process.kill()


def make_news(daemon: Daemon) -> None:
    """Let everything happen that the board shows: leases, a move, a refusal, a session."""
    lease = daemon.allocate("api")
    daemon.allocate("docs")
    daemon.call("POST", "/instance/register", {"instance_id": "ada"})
    assert daemon.call("DELETE", "/allocate/no-such-lease").status == 404
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert b" move " in daemon.ask(question(server.getsockname()[1]))
    daemon.call("DELETE", f"/allocate/{lease['lock_id']}")


@pytest.mark.slow
def test_prometheus_scrapes_the_daemon_and_answers_each_query_of_the_board(
    daemon: Daemon, prometheus: Prometheus
) -> None:
    make_news(daemon)

    def missing() -> list[str]:
        return [name for name, query in QUERIES.items() if not prometheus.values(query)]

    wait_until(lambda: missing() == [])
    assert [each["health"] for each in prometheus.get("targets")["activeTargets"]] == ["up"]
    assert [float(each["value"][1]) for each in prometheus.values("styxy_instances")] == [1]


@pytest.mark.slow
def test_prometheus_sees_the_first_lease_of_a_type(daemon: Daemon, prometheus: Prometheus) -> None:
    granted = 'styxy_leases_granted_total{service_type="storybook"}'
    wait_until(lambda: prometheus.values(granted) != [])
    daemon.allocate("storybook")

    def increase() -> float:
        return sum(
            float(each["value"][1]) for each in prometheus.values(f"increase({granted}[1m])")
        )

    wait_until(lambda: increase() > 0)


@pytest.mark.slow
def test_prometheus_runs_the_rules_of_the_page(prometheus: Prometheus) -> None:
    def states() -> set[tuple[str, str]]:
        (group,) = prometheus.get("rules")["groups"]
        return {(rule["name"], rule["health"]) for rule in group["rules"]}

    named = set(re.findall(r"^- `(Styxy\w+)`", text_of("docs/monitoring.md"), re.M))
    assert {name for name, _ in states()} == named
    assert {health for _, health in states()} <= {"ok", "unknown"}  # unknown: not its turn yet


def test_the_page_names_each_metric_with_its_kind_and_labels(daemon: Daemon) -> None:
    make_news(daemon)
    rows = re.findall(r"^\| (`.+?`) \| (\w+) \| (.*?) ?\| ", text_of("docs/monitoring.md"), re.M)
    page = {
        name.removesuffix("_total"): (kind, set(re.findall(r"`(\w+)`", labels)))
        for names, kind, labels in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    metrics = daemon.call("GET", "/metrics?format=json").body["metrics"]
    assert page == {
        each["name"]: (
            each["type"],
            {label for sample in each["samples"] for label in sample["labels"]} - {"le"},
        )
        for each in metrics
    }


def test_each_query_of_the_board_asks_for_metrics_that_exist(daemon: Daemon) -> None:
    metrics = daemon.call("GET", "/metrics?format=json").body["metrics"]
    kinds = {each["name"]: each["type"] for each in metrics}
    ends = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
    known = {name + end for name, kind in kinds.items() for end in ends[kind]}
    used = {
        name for query in QUERIES.values() for name in re.findall(r"\b(?:styxy|process)_\w+", query)
    }
    assert used - known == set()


def test_the_board_leaves_the_choice_of_prometheus_to_its_reader() -> None:
    (variable,) = BOARD["templating"]["list"]
    assert (variable["name"], variable["query"]) == ("datasource", "prometheus")
    sources = {
        json.dumps(each["datasource"])
        for panel in BOARD["panels"]
        for each in (panel, *panel["targets"])
    }
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}


def test_the_panels_of_the_board_do_not_overlap() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in BOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert {x for x, _ in cells} == set(range(24))
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_promtool_accepts_the_configuration_and_the_rules(daemon: Daemon, tmp_path: Path) -> None:
    config = configuration(daemon, tmp_path)
    done = subprocess.run(
        [need("promtool"), "check", "config", str(config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 rules found" in done.stdout
