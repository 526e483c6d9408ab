"""What a line starts and ends: the product's own table, and lists of lines as people write them.

`command_table.tsv` must hold row by row. The other lists are of scripts, Makefiles and READMEs: at
least 95 of 100 must be right, and of the lines that only look like it, none may be taken for one.
"""

from __future__ import annotations

import pytest

from styxy.core.commands.classify import Classification, classify, starts_of
from styxy.core.model.service_types import Catalogue
from tests.core.commands.tables import lines_of, rows_of

LEAST_RIGHT = 0.95


def main_server(found: Classification) -> tuple[str, str]:
    """The type and the port of the main server, as the lists have them."""
    if not found.servers:
        return "-", "-"
    first = found.servers[0]
    return first.service_type, str(first.port or "-")


def victims(found: Classification) -> list[set[str]]:
    """The ports, ids and names of all kills, as the lists have them."""
    return [
        {str(port) for kill in found.kills for port in kill.ports},
        {pid for kill in found.kills for pid in kill.pids},
        {name for kill in found.kills for name in kill.names},
    ]


def test_each_row_of_the_table_holds() -> None:
    wrong = {}
    for line, kind, port in rows_of("command_table.tsv"):
        found = classify(line)
        if main_server(found) != (kind, port) or found.kills:
            wrong[line] = found
    assert wrong == {}


def test_servers_of_real_scripts_are_known() -> None:
    rows = rows_of("servers.tsv")
    wrong = [row for row in rows if main_server(classify(row[0])) != (row[1], row[2])]
    assert len(rows) >= 150
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(rows), wrong


def test_kills_of_real_scripts_are_known() -> None:
    rows = rows_of("kills.tsv")
    wrong = [row for row in rows if victims(classify(row[0])) != [set_of(cell) for cell in row[1:]]]
    assert len(rows) >= 60
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(rows), wrong


def set_of(cell: str) -> set[str]:
    """The values of a cell."""
    return set(cell.split(",")) - {"-"}


def test_what_only_looks_like_a_server_or_a_kill_is_none() -> None:
    lines = lines_of("lookalikes.txt")
    assert len(lines) >= 80
    assert [line for line in lines if classify(line) != Classification()] == []


def test_each_list_names_types_that_there_are() -> None:
    kinds = {row[1] for name in ("command_table.tsv", "servers.tsv") for row in rows_of(name)}
    assert kinds - {"-"} <= {each.name for each in Catalogue()}


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        ("redis-server & npm run dev -- --port 3005", [3005, 6379]),
        ("docker compose up -d && vite", [5173, None]),
        ("(uvicorn main:app &) ; next dev", [3000, 8000]),
        ("concurrently 'vite --port 3001' 'uvicorn a:b'", [3001, 8000]),
        ("mongod --port 27018; node server.js", [None, 27018]),
    ],
)
def test_the_main_server_comes_first(line: str, ports: list[int | None]) -> None:
    assert [each.port for each in classify(line).servers] == ports


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("vite --port 3001", "--port"),
        ("PORT=3001 npm start", "PORT"),
        ("python manage.py runserver 8001", "argument"),
        ("vite", "default"),
        ("uvicorn a:b --port $UNKNOWN", "--port"),
        ("npm run dev", None),
        ("docker run -p 3001:80 nginx", "-p"),
    ],
)
def test_where_the_port_is_set_is_told(line: str, where: str | None) -> None:
    assert classify(line).servers[0].where == where


def test_a_text_that_names_itself_comes_to_an_end() -> None:
    assert classify("x='eval $x'; eval $x") == Classification()
    assert classify("f() { f; }; f") == Classification()


@pytest.mark.parametrize(
    ("line", "has_clients"),
    [
        ("kill $(lsof -ti:3000)", True),
        ("kill $(lsof -ti:3000 -sTCP:LISTEN)", False),
        ("fuser -k 3000/tcp", False),
        ("kill $(lsof -t file)", None),
    ],
)
def test_a_kill_that_reaches_clients_says_so(line: str, has_clients: bool | None) -> None:
    kills = classify(line).kills
    assert [each.has_clients for each in kills] == ([] if has_clients is None else [has_clients])


def test_kills_of_one_kind_are_told_together() -> None:
    found = classify("kill 11; pkill vite; lsof -ti:3000 | xargs kill 12")
    assert [(each.how, each.ports, each.pids) for each in found.kills] == [
        ("kill", (3000,), ("11", "12")),
        ("pkill", (), ()),
    ]


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("vite & vite", ["vite", "vite"]),
        ("cd web && PORT=1 npm run dev", ["npm run dev"]),
        ("sh -c 'vite & npm start'", ["sh -c 'vite & npm start'"] * 2),
        ('f() { vite "$@"; }; f --port 1', ['vite "$@"']),
        ("echo $(vite)", ["vite"]),
        ("echo `vite`; eval vite; trap vite EXIT", [None]),
    ],
)
def test_a_server_knows_the_command_that_starts_it(line: str, commands: list[str | None]) -> None:
    found = [start.source for start in starts_of(line)]
    words = [each.command.words if each else () for each in found]
    written = [line[each[0].start : each[-1].end] if each else None for each in words]
    assert written == commands


@pytest.mark.parametrize(
    ("line", "is_apart"),
    [
        ("npm run dev", False),
        ("nohup npm run dev", False),
        ("styxy run -- npm run dev", True),
        ("sudo -u web npm run dev", True),
        ("tmux new -d 'npm run dev'", True),
        ("docker run -p 3000:80 nginx", True),
        ("STYXY_DISABLE_REASSIGN=1 npm run dev", True),
    ],
)
def test_a_server_out_of_reach_is_apart(line: str, is_apart: bool) -> None:
    assert [start.is_apart for start in starts_of(line)] == [is_apart]
