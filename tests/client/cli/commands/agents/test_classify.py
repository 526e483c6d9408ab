"""classify: what a command line would start and end, shown without a daemon."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands import CommandLine


def test_servers_and_kills_are_shown_as_json(styxy: CommandLine) -> None:
    line = "vite --port 3001 & kill -9 $(lsof -ti:3000) 4711; pkill -f '[n]ext dev'"
    done = styxy.run("classify", "--json", "--", line)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "servers": [{"service_type": "dev", "port": 3001, "program": "vite", "where": "--port"}],
        "kills": [
            {"how": "kill", "ports": [3000], "pids": ["4711"], "names": []},
            {"how": "pkill", "ports": [], "pids": [], "names": ["next dev"]},
        ],
    }
    assert styxy.daemon_pid() is None  # nobody was asked


def test_nothing_is_two_empty_lists(styxy: CommandLine) -> None:
    done = styxy.run("classify", "--json", "--", "grep -r flask src")
    assert json.loads(done.stdout) == {"servers": [], "kills": []}


def test_an_unknown_port_is_null(styxy: CommandLine) -> None:
    done = styxy.run("--json", "classify", "cargo run")
    [server] = json.loads(done.stdout)["servers"]
    assert (server["service_type"], server["port"], server["where"]) == ("api", None, None)


def test_people_read_sentences(styxy: CommandLine) -> None:
    done = styxy.run("classify", "--", "PORT=3001 npm start; kill 4711; killall node")
    assert done.stdout.splitlines() == [
        "starts dev on port 3001 (npm, set by PORT)",
        "ends process 4711 (kill)",
        "ends processes named 'node' (killall)",
    ]


def test_words_that_were_not_quoted_are_one_line(styxy: CommandLine) -> None:
    done = styxy.run("classify", "--", "echo", "kill 3000; vite")
    assert done.stdout == "starts no server and ends no process\n"


def test_scripts_are_looked_up_where_the_caller_is(styxy: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"scripts": {"dev": "astro dev --port 4400"}}')
    done = styxy.run("classify", "--", "npm run dev", cwd=tmp_path)
    assert done.stdout == "starts dev on port 4400 (astro, set by --port)\n"


def test_no_line_is_wrong_usage(styxy: CommandLine) -> None:
    done = styxy.run("classify", "--")
    assert done.returncode == 2
    assert done.stderr.startswith("styxy: missing argument: LINE")


def test_the_flags_of_every_command_may_follow_the_line(styxy: CommandLine) -> None:
    done = styxy.run("classify", "cargo run", "--json", "--no-start")
    [server] = json.loads(done.stdout)["servers"]
    assert server["service_type"] == "api"
