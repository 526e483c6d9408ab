"""The view under the pilot: what it shows on each screen, what keys do, and how it follows.

Also tests `rows` and `dialogs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.terminal.overview_daemon import (
    OverviewDaemon,
    lease,
    overview,
    port,
    project,
)
from tests.client.terminal.piloted import HERE, piloted, run
from tests.examples import slow

pytestmark = pytest.mark.slow

LOGIN = "/home/ada/shop-login"
PROJECTS = [
    project(HERE, branch="main", repo=HERE),
    project(LOGIN, branch="login", repo=HERE),
]
USUAL = overview(
    port(3000),
    port(3001, project=LOGIN, requested_port=3000, lease=lease("web", state="bound")),
    {"port": 3002, "project": HERE, "service_type": "dev", "lease": lease("admin")},
    projects=PROJECTS,
    warnings=["dev is nearly full"],
    instances=[{"instance_id": "claude-1", "agent": "claude", "ports": [3000]}],
    events=[{"seq": 1, "at": "2026-01-31T12:00:00Z", "event": "allocated", "port": 3001}],
)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[OverviewDaemon]:
    """A daemon that knows two worktrees."""
    with OverviewDaemon(tmp_path / "socket", USUAL) as running:
        yield running


def test_it_shows_who_listens_in_which_worktree(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            assert view.lines[0] == "Styxy 2 servers, 2 leases, 1 moved, 1 warning  live"
            assert view.lines[1].startswith("1 Ports 3  2 Moved 1  3 Sessions 1  4 Events")
            assert view.lines[3].split() == ["~/shop", "main", "this", "project", "1", "server,",
                                             "1", "lease"]  # fmt: skip
            assert view.lines[4].split()[:2] == ["3000", "vite"]
            assert view.lines[5].split()[:4] == ["3002", "reserved", "dev", "admin"]
            assert view.lines[6].startswith("~/shop-login  login")
            assert view.lines[7].split()[:5] == ["3001", "vite", "3000", "dev", "web"]

    run(work)


def test_each_view_has_its_number(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            for key, text in (
                ("2", "ASKED"), ("3", "claude-1"), ("4", "allocated"), ("5", "There are no serv"),
                ("6", "dev is nearly full"), ("1", "~/shop-login"),
            ):  # fmt: skip
                await view.press(key)
                assert text in view.text
            await view.press("left")
            assert "dev is nearly full" in view.text
            await view.press("tab")
            assert "~/shop-login" in view.text

    run(work)


def test_keys_choose_a_row_and_pass_over_headings(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            chosen = [view.chosen]
            for key in ("up", "down", "j", "j", "k", "home", "end", "pageup", "pagedown"):
                await view.press(key)
                chosen.append(view.chosen)
            assert chosen == [3000, 3000, 3002, 3001, 3001, 3002, 3000, 3001, 3000, 3001]

    run(work)


def test_a_change_shows_at_once_and_the_choice_stays(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            await view.press("end")
            daemon.change(overview(
                port(2999), revision=2, complete=False, gone=[3000], projects=[],
            ))  # fmt: skip
            await view.until(lambda: 2999 in view.top.facts.ports)
            assert sorted(view.ports) == [2999, 3001, 3002]
            assert view.chosen == 3001
            assert daemon.asked[-1] == "/overview?since=1"

    run(work)


def test_the_choice_moves_on_when_its_row_is_gone(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            chosen = [view.chosen]
            daemon.change(overview(revision=2, complete=False, gone=[3000], projects=[]))
            await view.until(lambda: 3000 not in view.top.facts.ports)
            chosen.append(view.chosen)
            daemon.change(overview(revision=3))
            await view.until(lambda: not view.top.facts.ports)
            assert [*chosen, view.chosen] == [3000, 3002, None]
            assert "Nothing listens, and nothing is leased." in view.text
            await view.press("down", "end", "enter", "c")  # nothing to choose does no harm

    run(work)


def test_it_asks_nothing_while_nothing_changes(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            await view.press("5", "1", "slash", "x", "escape")
            assert daemon.asked == ["/events?event=changed", "/overview"]

    run(work)


def test_a_filter_keeps_what_has_each_word_until_it_is_ended(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            await view.press("slash", *"login")
            assert view.ports == [3001]
            await view.press("space", *"zz")
            assert view.ports == []
            assert "Nothing here matches 'login zz'." in view.text
            await view.press(*["backspace"] * 3, "enter", "2")  # a key again, and no text
            assert view.ports == [3001]
            await view.press("1", "escape")
            assert view.ports == [3000, 3002, 3001]

    run(work)


def test_enter_shows_everything_about_a_row(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            await view.press("end", "enter")
            assert view.has_page
            for text in ("Port 3001", "http://localhost:3001/", "node vite.js", "styxy who 3001"):
                assert text in view.text
            await view.press("escape", "question_mark")
            assert "stop the server, after a question" in view.text
            await view.press("q")
            assert not view.has_page

    run(work)


@pytest.mark.slow
def test_a_click_chooses_a_row_and_the_next_one_opens_it(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            await view.pilot.click("#rows", offset=(3, 5))
            assert view.chosen == 3001
            await view.pilot.click("#rows", offset=(3, 4))  # a heading
            assert (view.chosen, view.has_page) == (3001, False)
            await view.pilot.click("#rows", offset=(3, 5))
            await view.until(lambda: view.has_page)

    run(work)


def test_copy_takes_the_url_or_else_the_port(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            await view.press("c")
            assert view.top.clipboard == "http://localhost:3000/"
            await view.press("down", "c")
            assert view.top.clipboard == "3002"
            await view.press("3", "c")
            assert view.top.clipboard == "claude-1"
            assert "copied claude-1" in view.said

    run(work)


def test_what_cannot_be_stopped_or_released_is_said(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            await view.press("r")
            assert view.said == ["port 3000 is not leased, so there is nothing to release"]
            await view.press("3", "s")
            assert view.said[-1] == "choose a port to stop, in view 1 or 2"

    run(work)


@pytest.mark.parametrize("size", [(40, 8), *slow((80, 24), (60, 12), (20, 5), (1, 1))])
def test_it_fits_a_small_terminal(daemon: OverviewDaemon, size: tuple[int, int]) -> None:
    async def work() -> None:
        async with piloted(daemon.connection(), size=size) as view:
            for key in ("end", "2", "3", "4", "5", "6", "question_mark", "escape", "1", "enter"):
                await view.press(key)
            await view.press("escape", "home")
            if size[0] >= 40:
                assert view.lines[4].split()[:2] == ["3000", "vite"]

    run(work)


@pytest.mark.slow
def test_another_width_shows_other_columns(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection(), size=(120, 24)) as view:
            assert "PID" in view.lines[2]
            await view.pilot.resize_terminal(44, 24)
            await view.until(lambda: "PID" not in view.lines[2])
            assert "PORT" in view.lines[2]
            await view.pilot.resize_terminal(120, 24)
            await view.until(lambda: "PID" in view.lines[2])

    run(work)


def test_a_long_path_is_cut_from_its_left(tmp_path: Path) -> None:
    far = "/home/ada/" + "deep/" * 20 + "shop"
    answer = overview(port(3000, project=far), projects=[project(far, branch="main")])

    async def work() -> None:
        with OverviewDaemon(tmp_path / "socket", answer) as daemon:
            async with piloted(daemon.connection(), size=(60, 10), project=far) as view:
                assert view.lines[3].startswith("…")
                assert view.lines[3].endswith("/deep/shop  main  this project  1 server")

    run(work)


@pytest.mark.slow
def test_a_choice_below_the_screen_scrolls_into_view(tmp_path: Path) -> None:
    many = overview(*(port(3000 + at) for at in range(100)))

    async def work() -> None:
        with OverviewDaemon(tmp_path / "socket", many) as daemon:
            async with piloted(daemon.connection(), size=(80, 12)) as view:
                await view.press("end")
                assert " 3099  vite" in view.text
                daemon.change(overview(port(3000), port(3001), revision=2))
                await view.until(lambda: len(view.ports) == 2)
                assert " 3000  vite" in view.text

    run(work)


def test_a_daemon_that_goes_is_missed_and_welcomed_back(tmp_path: Path) -> None:
    async def work() -> None:
        path = tmp_path / "socket"
        with OverviewDaemon(path, USUAL) as daemon:
            connection = daemon.connection()
            stream = piloted(connection)
            view = await stream.__aenter__()
        try:
            await view.until(lambda: "not live" in view.text)
            assert "the daemon has gone; waiting for it: styxy daemon start -d" in view.text
            assert " 3000  vite" in view.text
            with OverviewDaemon(path, overview(port(4000), revision=1)):
                await view.until(lambda: view.ports == [4000])
                await view.until(lambda: "has gone" not in view.text)
        finally:
            await stream.__aexit__(None, None, None)

    run(work)


@pytest.mark.slow
def test_what_is_no_daemon_of_ours_is_said(tmp_path: Path) -> None:
    async def work() -> None:
        with OverviewDaemon(tmp_path / "socket", USUAL) as daemon:
            async with piloted(daemon.connection()) as view:
                daemon.answer_with(404, {"success": False, "error": "unknown path", "code": "x"})
                await view.until(lambda: "unknown path" in view.text)

    run(work)


@pytest.mark.slow
def test_a_daemon_that_does_not_answer_is_said_to(daemon: OverviewDaemon) -> None:
    async def work() -> None:
        async with piloted(daemon.connection(patience=0.2)) as view:
            daemon.is_silent = True
            daemon.change(USUAL)
            await view.until(lambda: "has not answered for 0.2 s" in view.text)
            daemon.is_silent = False
            await view.until(lambda: "has not answered" not in view.text)

    run(work)


def test_what_ends_it_unforeseen_prints_no_stack(daemon: OverviewDaemon) -> None:
    ended = []

    async def work() -> None:
        async with piloted(daemon.connection()) as view:
            ended.append(view.top)
            view.top.call_later(lambda: 1 / 0)
            await view.pilot.pause()

    with pytest.raises(ZeroDivisionError):
        run(work)
    (top,) = ended
    assert isinstance(top.failure, ZeroDivisionError)
    assert top._exit_renderables == []
