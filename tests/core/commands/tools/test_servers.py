"""Which server a command starts: names, subcommands, and every way to set a port.

Covers `identity`, `launchers`, `launching` and `emulators` by what is made of whole lines.
"""

from __future__ import annotations

import pytest

from styxy.core.commands.classify import classify
from styxy.core.commands.tools.identity import is_named_like_a_server, program_name
from styxy.core.commands.tools.servers import port_in


@pytest.mark.parametrize(
    ("value", "port"),
    [
        ("8000", 8000),
        (":8000", 8000),
        ("127.0.0.1:8000", 8000),
        ("[::1]:8000", 8000),
        ("http://localhost:8000/path", 8000),
        ("https://+:5001;http://+:5000", 5001),
        ("tcp://0.0.0.0:9292", 9292),
        ("8080:80", 8080),
        ("127.0.0.1:8080:80", 8080),
        ("5433:localhost:5432", 5433),
        ("8000,8001", 8000),
        ("0", None),
        ("70000", None),
        ("", None),
        ("auto", None),
        ("8000m", None),
        ("127.0.0.1", None),
        ("http://localhost", None),
        ("\0", None),
        ("127.0.0.1:\0", None),
        ("٣٠٠٠", None),
    ],
)
def test_a_port_is_read_in_every_form(value: str, port: int | None) -> None:
    assert port_in(value) == port


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("vite", "vite"),
        ("./node_modules/.bin/vite", "vite"),
        ("vite@5.4.0", "vite"),
        ("@angular/cli@17", "@angular/cli"),
        ("npm:vite@5", "vite"),
        ("/usr/bin/python3.11", "python"),
        ("php8.2", "php"),
        ("kafka-server-start.sh", "kafka-server-start"),
        ("C:\\bin\\redis-server.exe", "redis-server"),
        ("server.js", "server.js"),
    ],
)
def test_a_program_has_the_name_that_the_table_has(path: str, name: str) -> None:
    assert program_name(path) == name


@pytest.mark.parametrize(
    ("script", "is_one"),
    [
        ("server.js", True),
        ("src/mock-server.ts", True),
        ("dist/main.js", True),
        (".", True),
        ("bin/www", True),
        ("app.py", True),
        ("build.js", False),
        ("test_server.py", False),
        ("scripts/migrate.ts", False),
        ("", False),
    ],
)
def test_a_script_is_known_by_its_name(script: str, is_one: bool) -> None:
    assert is_named_like_a_server([script]) is is_one


def test_an_operand_makes_a_tool_of_what_could_be_a_server() -> None:
    assert not is_named_like_a_server(["index.js", "build"])
    assert is_named_like_a_server(["server.js", "8000"])


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("vite --port 3001", 3001),
        ("vite --port=3001", 3001),
        ("next dev -p3001", 3001),
        ("next dev -p=3001", 3001),
        ("vite --port 3001 --port 3002", 3002),
        ("PORT=3001 next dev -p 3002", 3002),
        ("nc -lkp 3001", 3001),
        ("npx --yes -p serve serve -l 3001", 3001),
        ("uvicorn a:b --port 0", None),
        ("uvicorn a:b --port $SOMETHING", None),
    ],
)
def test_the_port_is_where_the_row_says(line: str, port: int | None) -> None:
    assert [each.port for each in classify(line).servers] == [port]


@pytest.mark.parametrize(
    "line",
    [
        "uvicorn a:b --uds /run/app.sock",
        "gunicorn -b unix:/run/app.sock app:app",
        "gunicorn --bind unix:app.sock app:app",
        "daphne -u /run/app.sock a:b",
        "uvicorn a:b --fd 3",
    ],
)
def test_what_serves_no_port_is_no_server(line: str) -> None:
    assert classify(line).servers == ()


@pytest.mark.parametrize("flag", ["--help", "--version", "-h", "help", "version"])
@pytest.mark.parametrize("program", ["vite", "uvicorn", "redis-server", "mongod", "http-server"])
def test_who_asks_a_tool_what_it_is_starts_nothing(program: str, flag: str) -> None:
    assert classify(f"{program} {flag}").servers == ()


def test_emulators_are_told_one_by_one() -> None:
    found = classify("firebase emulators:start --only auth,functions,firestore").servers
    assert [(each.service_type, each.port) for each in found] == [
        ("auth", 9099),
        ("functions", 5001),
        ("database", 8080),
    ]


LAUNCHERS = """
sudo -E -u app; env A=1; env -u B A=1; cross-env A=1; npx; npx --yes; bunx; pnpm exec; pnpm dlx;
yarn dlx; npm exec --; uvx --from x; uv run --with x; uv tool run; poetry run; pipenv run; pdm run;
hatch run; conda run -n x; bundle exec; time -p; timeout 30; timeout -k 5 30s; nohup; setsid -f;
nice -n 5; ionice -c 3; exec; command; stdbuf -oL; caffeinate -i; xvfb-run -a; strace -f -o log;
doppler run --; dotenv -e .env --; direnv exec .; mise exec --; watchexec -e py --; flock /tmp/lock;
faketime '1 day ago'; newrelic-admin run-program; ddtrace-run; pm2 start; styxy run -s dev --;
wait-for-it a:1 --; taskset -c 0; systemd-run --user -p X=1; nodemon --exec; corepack; doas; tini --
"""


@pytest.mark.parametrize("launcher", [each.strip() for each in LAUNCHERS.split(";")])
def test_launchers_are_looked_through(launcher: str) -> None:
    assert [each.program for each in classify(f"{launcher} vite").servers] == ["vite"]


@pytest.mark.parametrize(
    "line",
    [
        "sh -c 'vite'",
        "bash -lc 'cd web && exec vite'",
        "zsh -ic vite",
        "su app -c vite",
        "concurrently -n a,b 'npm:x' vite",
        "tmux new-session -d -s x vite",
        "tmux send-keys -t x vite Enter",
        "screen -dmS x vite",
        "watch -n 1 vite",
        "nix-shell --run vite",
        "nix develop -c vite",
        "parallel ::: vite",
        "echo vite | xargs npx",
        "tsc-watch --onSuccess vite",
        "chokidar 'src/**' -c vite",
        "onchange 'src/**' -- vite",
    ],
)
def test_texts_for_a_shell_are_read(line: str) -> None:
    assert [each.program for each in classify(line).servers][-1:] == ["vite"]
