"""The rate limit: who is counted, with whom, and what the refusal says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, wait_until


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that allows three requests an hour."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    set_limit(home, 3)
    with Daemon(home) as daemon:
        yield daemon


def set_limit(home: Path, requests: int) -> None:
    """Write the limit as a user does."""
    settings = {"rate_limit": {"requests": requests, "window": 3600}}
    (home / "config.json").write_text(json.dumps(settings))


def statuses(
    daemon: Daemon, count: int, path: str = "/allocations", over: str = "tcp"
) -> list[int]:
    """Ask several times."""
    return [daemon.call("GET", path, over=over).status for _ in range(count)]


def test_over_the_limit_the_answer_says_when_to_come_back(limited: Daemon) -> None:
    assert statuses(limited, 3) == [200] * 3
    answer = limited.call("GET", "/allocations", over="tcp")
    assert (answer.status, answer.body["code"]) == (429, "rate_limited")
    assert answer.headers["x-ratelimit-limit"] == "3"
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert 1100 < int(answer.headers["retry-after"]) <= 1200
    assert answer.body["context"]["limit"] == 3


def test_the_socket_and_three_paths_are_exempt(limited: Daemon) -> None:
    statuses(limited, 4)
    assert statuses(limited, 20, over="unix") == [200] * 20
    assert statuses(limited, 20, "/status", over="bare") == [200] * 20
    assert statuses(limited, 20, "/health") == [200] * 20
    assert statuses(limited, 20, "/metrics?format=json") == [200] * 20


def test_strangers_cannot_use_up_what_the_owner_may_ask(limited: Daemon) -> None:
    assert statuses(limited, 5, over="bare") == [401, 401, 401, 429, 429]
    assert statuses(limited, 3) == [200] * 3


def test_nor_by_what_is_open_to_all(limited: Daemon) -> None:
    tries = [
        limited.call("POST", "/page/session", {"code": "guessed"}, over="bare").status
        for _ in range(5)
    ]
    assert tries == [403, 403, 403, 429, 429]
    assert statuses(limited, 3) == [200] * 3


def test_a_new_limit_holds_without_a_restart(limited: Daemon) -> None:
    assert statuses(limited, 4)[-1] == 429
    set_limit(limited.home, 0)
    wait_until(lambda: statuses(limited, 1) == [200])
    assert statuses(limited, 20) == [200] * 20


def test_refusals_are_counted(limited: Daemon) -> None:
    statuses(limited, 5)
    metrics = limited.call("GET", "/metrics?format=json").body["metrics"]
    found = {each["name"]: each["samples"] for each in metrics}
    assert [each["value"] for each in found["styxy_rate_limited"]] == [2.0]
