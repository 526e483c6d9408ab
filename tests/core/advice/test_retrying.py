"""The command to run again: the same line, with one server on a free port."""

from __future__ import annotations

import pytest

from styxy.core.advice.retrying import retry_command
from styxy.core.commands.classify import classify
from tests.core.commands.tables import lines_of

FREE = 7777


def retried(line: str, *, place: int = 0) -> str | None:
    """A line with one of its servers, the main one first, on the free port."""
    return retry_command(line, classify(line).servers[place], FREE)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("next dev -p 3005", "next dev -p 7777"),
        ("npx serve -l3010 dist", "npx serve -l7777 dist"),
        ("vite --port=5180 --strictPort", "vite --port=7777 --strictPort"),
        ("gunicorn -b 127.0.0.1:8004 app:app", "gunicorn -b 127.0.0.1:7777 app:app"),
        ("python3 manage.py runserver 0:8012", "python3 manage.py runserver 0:7777"),
        ("php -S localhost:8000 8000.php", "php -S localhost:7777 8000.php"),
        ("FLASK_RUN_PORT=5005 flask run", "FLASK_RUN_PORT=7777 flask run"),
        ("export PORT=3990 && npm run dev", "export PORT=7777 && npm run dev"),
        ("P=3000; vite --port $P & curl :$P", "P=7777; vite --port $P & curl :$P"),
        ("sh -c 'cd web && vite --port 3000'", "sh -c 'cd web && vite --port 7777'"),
        ("docker run -d -p 8000:80 nginx", "docker run -d -p 7777:80 nginx"),
        ("sudo python3 -m http.server 8000", "sudo python3 -m http.server 7777"),
        ("styxy run -- vite --port 3000", "styxy run -- vite --port 7777"),
    ],
)
def test_a_port_in_the_line_is_replaced(line: str, expected: str) -> None:
    assert retried(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("vite", "vite --port 7777"),
        ("cd web && vite --host &", "cd web && vite --host --port 7777 &"),
        ("uvicorn main:app > log 2>&1", "uvicorn main:app --port 7777 > log 2>&1"),
        ("npx next dev | tee log", "npx next dev -p 7777 | tee log"),
        ("python3 -m http.server", "python3 -m http.server 7777"),
        ("python manage.py runserver", "python manage.py runserver 7777"),
        ("streamlit run app.py", "streamlit run app.py --server.port 7777"),
        ("react-scripts start", "PORT=7777 react-scripts start"),
        ("CI=1 react-scripts start", "CI=1 PORT=7777 react-scripts start"),
    ],
)
def test_a_default_port_is_replaced_as_the_tool_takes_it(line: str, expected: str) -> None:
    assert retried(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("npm run dev", "styxy run -- npm run dev"),
        ("cd web && npm run dev &", "cd web && styxy run -- npm run dev &"),
        ("node server.js", "styxy run -- node server.js"),
        ("exec npm start", "exec styxy run -- npm start"),
        ("go run .", "styxy run -- go run ."),
        ("deno run -A main.ts", "styxy run -- deno run -A main.ts"),
        ("sh -c 'vite'", "styxy run -- sh -c 'vite'"),
    ],
)
def test_a_server_of_which_no_more_is_known_runs_under_styxy(line: str, expected: str) -> None:
    assert retried(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "styxy run -- npm run dev",
        "docker compose up",
        "pm2 start npm -- run dev",
        "tmux new -d 'npm run dev'",
        "npm run dev 'unfinished",
    ],
)
def test_where_there_is_no_way_nothing_is_told(line: str) -> None:
    assert retried(line) is None


def test_what_else_talks_to_the_server_follows_it() -> None:
    line = "vite --port 3000 & sleep 3000; curl http://localhost:3000/3000"
    assert retried(line) == "vite --port 7777 & sleep 3000; curl http://localhost:7777/3000"


def test_one_of_two_servers_is_moved() -> None:
    line = "vite --port 3000 & uvicorn a:b --port 3001"
    assert retried(line) == "vite --port 3000 & uvicorn a:b --port 7777"
    assert retried(line, place=1) == "vite --port 7777 & uvicorn a:b --port 3001"


@pytest.mark.parametrize("name", ["command_table.tsv", "servers.tsv"])
def test_the_new_line_starts_the_same_servers_elsewhere(name: str) -> None:
    told = 0
    for line in lines_of(name):
        servers = classify(line).servers
        new = retried(line) if servers else None
        if new is None:
            continue
        told += 1
        after = classify(new).servers
        assert len(after) == len(servers)
        assert (
            new.startswith("styxy run")
            or "styxy run --" in new
            or FREE in {each.port for each in after}
        ), new
    assert told > 120
