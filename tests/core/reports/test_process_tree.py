"""Trees of processes: what belongs to a server, and what only stands above it."""

from __future__ import annotations

import pytest

from styxy.core.reports.process_tree import (
    Process,
    below,
    chain,
    job,
    restarts,
    server_tree,
    topmost,
)


def process(pid: int, parent: int, line: str, **more: int) -> Process:
    ids = {"group": 100, "session": 10, "uid": 1000, **more}
    return Process(
        pid=pid,
        parent=parent,
        group=ids["group"],
        session=ids["session"],
        uid=ids["uid"],
        name=line.split()[0],
        words=tuple(line.split()),
    )


def table(*processes: Process) -> dict[int, Process]:
    return {each.pid: each for each in processes}


TERMINAL = (process(1, 0, "init", group=1, session=1, uid=0), process(10, 1, "-bash", group=10))


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        (["npm run dev", "sh -c vite"], [100, 101, 102]),
        (["node /usr/lib/node_modules/npm/bin/npm-cli.js run dev", "sh -c vite"], [100, 101, 102]),
        (["make serve"], [100, 101]),
        (["node server.js"], [100, 101]),  # a reloader starts its own command line again
        (["python3 manage.py"], [101]),  # another program, which may have other things to do
        (["bash -i"], [101]),
        (["bash"], [101]),
        (["bash dev.sh"], [100, 101]),
        (["agent"], [101]),
        (["uv run serve"], [100, 101]),
    ],
)
def test_the_launchers_of_a_server_belong_to_it(above: list[str], expected: list[int]) -> None:
    lines = [*above, "node server.js"]
    tree = [process(100 + n, 99 + n if n else 10, line) for n, line in enumerate(lines)]
    found = job(99 + len(lines), table(*TERMINAL, *tree))
    assert [each.pid for each in found] == expected


def test_a_launcher_of_two_servers_belongs_to_neither() -> None:
    web, api = process(101, 100, "sh -c web"), process(102, 100, "sh -c api")
    found = job(101, table(*TERMINAL, process(100, 10, "make -j2"), web, api))
    assert [each.pid for each in found] == [101]


@pytest.mark.parametrize("other", [{"group": 7}, {"session": 7}, {"uid": 7}])
def test_another_job_or_user_is_not_touched(other: dict[str, int]) -> None:
    launcher = process(100, 10, "npm run dev", **other)
    found = job(101, table(*TERMINAL, launcher, process(101, 100, "node x.js")))
    assert [each.pid for each in found] == [101]


def test_the_topmost_of_those_who_share_a_socket_stands_for_them() -> None:
    tree = table(
        process(100, 1, "gunicorn"), process(101, 100, "gunicorn"), process(102, 100, "gunicorn")
    )
    assert topmost([100, 101, 102], tree) == [100]
    assert topmost([101, 102], tree) == [101, 102]
    assert below(100, tree) == {101, 102}


def test_a_circle_in_the_table_ends() -> None:
    # Two looks at /proc with a pid used again in between.
    tree = table(process(100, 101, "a"), process(101, 100, "b"))
    assert len(chain(100, tree)) == 2
    assert below(100, tree) == {100, 101}


def test_a_server_is_its_launchers_its_listeners_and_all_below_them() -> None:
    tree = table(
        *TERMINAL,
        process(100, 10, "npm run dev"),
        process(101, 100, "sh -c vite"),
        process(102, 101, "node vite.js"),
        process(103, 102, "esbuild --service"),
        process(200, 10, "vim", group=200),
    )
    found = server_tree([102], tree)
    assert [each.pid for each in found.tops] == [100, 101, 102]
    assert [each.pid for each in found.rest] == [103]


def test_what_has_lost_its_parent_belongs_to_the_job_that_started_it() -> None:
    tree = table(*TERMINAL, process(100, 10, "node server.js"), process(105, 1, "watcher"))
    assert [each.pid for each in server_tree([100], tree).rest] == [105]


def test_workers_without_a_listening_parent_have_their_reloader_above_them() -> None:
    workers = [process(pid, 100, "python3 main.py") for pid in (101, 102)]
    tree = table(*TERMINAL, process(100, 10, "python3 main.py"), *workers)
    found = server_tree([101, 102], tree)
    assert [each.pid for each in found.tops] == [100, 101, 102]
    # One of them alone is a server beside the other.
    assert [each.pid for each in server_tree([101], tree).tops] == [101]


def test_the_caller_and_what_it_runs_in_are_spared() -> None:
    tree = table(
        *TERMINAL,
        process(100, 10, "sh dev.sh"),
        process(101, 100, "node server.js"),
        process(102, 101, "styxy stop 3000"),
    )
    found = server_tree([101], tree, spared=[102, 100, 10, 1])
    assert [each.pid for each in found.tops] == [101]
    assert found.rest == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("npm run dev", True),
        ("PM2 v5.3.0: God Daemon (/home/ada/.pm2)", True),
        ("/usr/bin/python3 /usr/bin/supervisord -n", True),
        ("bash -c vite", False),
        ("tmux new", False),
    ],
)
def test_a_program_that_starts_its_servers_again_is_known(line: str, *, expected: bool) -> None:
    assert restarts(process(100, 1, line)) is expected
