"""Each view shows its facts: ports by project, moves, sessions, events, ranges, warnings."""

from __future__ import annotations

from typing import Any

import pytest

from styxy.client.terminal.facts import Facts
from styxy.client.terminal.table import Row
from styxy.client.terminal.texts import as_text, details_of
from styxy.client.terminal.views import (
    EVENTS,
    MOVES,
    PORTS,
    RANGES,
    SESSIONS,
    WARNINGS,
    Place,
    View,
    age,
)
from tests.client.terminal.overview_daemon import lease, overview, port, project

pytestmark = pytest.mark.slow

NOW = 1769860800.0
"""When the servers of these tests began, 2026-01-31T12:00:00Z."""

SHOP, LOGIN, BLOG = "/home/ada/shop", "/home/ada/shop-login", "/home/ada/blog"
PROJECTS = [
    project(SHOP, branch="main", repo=SHOP),
    project(LOGIN, branch="login", repo=SHOP),
    project(BLOG, branch="draft"),
]


def facts(*ports: dict[str, object], **more: Any) -> Facts:
    """Know these ports."""
    known = Facts()
    known.take(overview(*ports, projects=PROJECTS, **more))
    return known


def rows(view: View, known: Facts, *, here: str | None = None) -> list[Row]:
    """List the rows of a view, an hour after everything began."""
    return list(view.rows(known, Place(project=here, now=NOW + 3600)))


def said(row: Row) -> list[str]:
    """The texts of a row, without empty ones."""
    return [text for text, _ in row.cells if text]


def headings(known: Facts, *, here: str | None = None) -> list[str]:
    """The headings of the view of ports, in one text each."""
    return [" ".join("".join(said(row)).split()) for row in rows(PORTS, known, here=here)
            if row.is_heading]  # fmt: skip


def test_ports_are_grouped_by_project_with_worktrees_of_a_repo_together() -> None:
    known = facts(port(3003, project=LOGIN), port(3001, project=BLOG), port(3002, project=SHOP))
    assert headings(known) == [
        "~/blog draft 1 server",
        "~/shop main 1 server",
        "~/shop-login login 1 server",
    ]


def test_the_own_repo_comes_first_and_ports_of_no_project_last() -> None:
    known = facts(
        port(3001, project=BLOG), port(3002, project=SHOP), port(3003, project=LOGIN),
        port(22, project=""),
    )  # fmt: skip
    assert headings(known, here=LOGIN) == [
        "~/shop-login login this project 1 server",
        "~/shop main 1 server",
        "~/blog draft 1 server",
        "no project 1 server",
    ]


def test_a_port_shows_server_move_lease_session_age_and_pid() -> None:
    promise = lease("web", state="bound")
    known = facts(port(3007, requested_port=3000, instance_id="claude-1", lease=promise))
    assert said(rows(PORTS, known)[1]) == [
        "3007", "vite", "3000", "dev web", "claude-1", "1 h", "103007",
    ]  # fmt: skip


def test_a_lease_without_a_server_is_reserved_and_the_usual_instance_is_nobody() -> None:
    promised = {
        "port": 3000, "project": SHOP, "service_type": "dev", "instance_id": "default",
        "lease": lease(),
    }  # fmt: skip
    assert said(rows(PORTS, facts(promised))[1]) == ["3000", "reserved", "dev web", "1 h"]
    assert headings(facts(promised)) == ["~/shop main 1 lease"]


def test_a_hidden_process_is_called_after_its_user() -> None:
    hidden = {"port": 80, "listener": {"protocol": "tcp", "addresses": [], "user": "www-data"}}
    assert said(rows(PORTS, facts(hidden))[1]) == ["80", "a process of www-data"]


def test_a_moved_server_is_found_under_the_port_that_it_asked_for() -> None:
    known = facts(port(3000), port(3007, project=LOGIN, requested_port=3000))
    assert [said(row) for row in rows(MOVES, known)] == [
        ["3000", "3007", "vite", "~/shop-login", "1 h"]
    ]
    assert MOVES.count(known) == 1


def test_a_session_shows_what_it_holds() -> None:
    known = facts(
        instances=[
            {
                "instance_id": "claude-1", "agent": "claude", "project": SHOP, "pid": 7,
                "registered_at": "2026-01-31T12:59:30Z", "ports": [3000, 3001],
            },
            {"instance_id": "idle", "agent": None, "project": None, "ports": []},
        ]
    )  # fmt: skip
    assert [said(row) for row in rows(SESSIONS, known)] == [
        ["claude-1", "claude", "3000, 3001", "~/shop", "30 s", "7"],
        ["idle", "none"],
    ]


def test_events_are_newest_first() -> None:
    at = "2026-01-31T12:00:00Z"
    known = facts(
        events=[
            {"seq": 1, "at": at, "event": "allocated", "port": 3000, "service_type": "dev",
             "service_name": "web"},
            {"seq": 2, "at": at, "event": "released", "port": 3000, "reason": "lapsed"},
        ]
    )  # fmt: skip
    assert [said(row)[1:] for row in rows(EVENTS, known)] == [
        ["released", "3000, lapsed"],
        ["allocated", "3000 to web, dev"],
    ]


@pytest.mark.parametrize(
    ("used", "bar", "tone"), [(0, 0, "good"), (1, 1, "good"), (75, 8, "warning"), (95, 10, "bad")]
)
def test_a_range_shows_how_full_it_is(used: int, bar: int, tone: str) -> None:
    known = facts(
        ranges=[
            {"service_type": "dev", "ranges": [[3000, 3099]], "description": "Servers",
             "size": 100, "used": used, "leased": used, "listening": 0},
        ]
    )  # fmt: skip
    (row,) = rows(RANGES, known)
    assert row.cells[1] == ("█" * bar + "·" * (10 - bar), tone)
    assert said(row)[2:] == [f"{used}/100", str(used), "0", "3000-3099", "Servers"]


def test_warnings_are_sentences() -> None:
    known = facts(warnings=["dev is nearly full"])
    assert [said(row) for row in rows(WARNINGS, known)] == [["dev is nearly full"]]


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (59, "59 s"), (60, "1 m"), (7200, "2 h"), (90000, "1 d")]
)
def test_an_age_is_said_in_its_largest_unit(seconds: float, text: str) -> None:
    assert age(NOW, NOW + seconds) == text
    assert age(None, NOW) == ""


def test_a_row_is_found_by_its_project_branch_and_lease() -> None:
    (_, row) = rows(PORTS, facts(port(3007, project=LOGIN, lease=lease("admin"))))
    assert all(word in row.words for word in ("3007", "shop-login", "login", "admin", "vite"))


def test_details_have_everything_about_a_port() -> None:
    known = facts(port(3007, project=LOGIN, requested_port=3000, lease=lease(project=SHOP)))
    title, lines = details_of(rows(PORTS, known)[1], PORTS, known)
    found = dict(lines)
    assert title == "Port 3007"
    assert found["asked for"] == "3000"
    assert (found["project"], found["branch"], found["lease of"]) == (
        "~/shop-login", "login", "~/shop",
    )  # fmt: skip
    assert found["more"] == "styxy who 3007"


def test_details_of_another_row_are_its_cells_in_full() -> None:
    known = facts(warnings=["a long sentence"])
    assert details_of(rows(WARNINGS, known)[0], WARNINGS, known) == (
        "Warnings",
        [("warning", "a long sentence")],
    )


def test_as_text_there_is_one_table_and_the_warnings() -> None:
    answer = overview(port(3007, requested_port=3000), warnings=["dev is nearly full"])
    text = as_text(answer, project=None)
    assert text.splitlines()[0].split() == [
        "PORT", "PROCESS", "ASKED", "LEASED", "INSTANCE", "SINCE", "PID", "PROJECT",
    ]  # fmt: skip
    assert text.splitlines()[1].split()[:3] == ["3007", "vite", "3000"]
    assert text.splitlines()[1].endswith("~/shop")
    assert text.endswith("\n\nwarning: dev is nearly full")
    assert as_text(overview(), project=None) == PORTS.empty
