"""The command line on a terminal: it fits the width, has colour, and says what it does."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from styxy.client.cli.main import GROUPS, all_commands
from tests.commands import COMMAND, LONGEST, CommandLine
from tests.examples import slow

COLOUR = re.compile(r"\x1b\[\d+m")


def shown(
    styxy: CommandLine, *words: str, columns: int = 80, stdout: int | None = None, **env: str
) -> str:
    """Run a command on a terminal, and tell what it shows there."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        [*COMMAND, *words],
        env={**styxy.env, "TERM": "xterm", **env},
        stdin=subprocess.DEVNULL,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        text = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while data := os.read(ours, 65536):
                text += data
        process.wait(LONGEST)
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def widest(text: str) -> int:
    """The length of the longest line, without colour."""
    return max(len(line) for line in COLOUR.sub("", text).splitlines())


def test_help_fits_80_columns() -> None:
    widths = {each.name: widest(each.parser().format_help()) for each in all_commands()}
    assert {name: width for name, width in widths.items() if width > 80} == {}


def test_the_list_of_commands_is_grouped_and_fits(styxy: CommandLine) -> None:
    piped = styxy.run("--help").stdout
    assert widest(piped) <= 80
    assert not COLOUR.search(piped)
    headings = [line[:-1] for line in piped.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings == [*GROUPS, "example"]
    narrow = shown(styxy, "--help", columns=50)
    assert widest(narrow) <= 50
    assert "\x1b[1mports:\x1b[0m" in narrow


def test_help_explains_a_command_or_lists_all(styxy: CommandLine) -> None:
    assert styxy.run("help").stdout == styxy.run("--help").stdout
    for words in (["check"], ["config", "set"], ["daemon"]):
        asked, named = styxy.run("help", *words), styxy.run(*words, "--help")
        assert (asked.returncode, asked.stdout) == (0, named.stdout)
    assert styxy.run("help", "nosuch").returncode == 2


@pytest.mark.parametrize("columns", [60, *slow(80, 100, 132)])
def test_a_table_fits_the_terminal(attached: CommandLine, tmp_path: Path, columns: int) -> None:
    project = tmp_path / ("a-long-name-" * 8)
    project.mkdir()
    attached.run("allocate", "-s", "dev", "-n", "web", "--project", str(project))
    for words in (["list"], ["list", "-v"], ["types"], ["config", "show"], ["doctor"]):
        text = COLOUR.sub("", shown(attached, *words, columns=columns))
        lines = [line for line in text.splitlines() if "fix: " not in line]
        assert widest("\n".join(lines[:-1] if words[0] == "config" else lines)) <= columns, text
    listed = shown(attached, "list", columns=columns)
    assert "…" in listed
    assert "3000" in listed
    assert str(project) in attached.run("list").stdout, "a pipe gets all of it"


@pytest.mark.parametrize("columns", [50, *slow(60, 80)])
def test_reports_on_a_port_and_the_history_fit_the_terminal(
    attached: CommandLine, tmp_path: Path, columns: int
) -> None:
    project = tmp_path / ("a-long-name-" * 8)
    project.mkdir()
    port = attached.json("allocate", "-s", "dev", "-n", "web", "--project", str(project))["port"]
    with socket.socket() as server:
        server.bind(("127.0.0.1", int(str(port))))
        server.listen()
        for words in (["check", str(port)], ["who", str(port)], ["audit"], ["audit", "--stats"]):
            text = COLOUR.sub("", shown(attached, *words, columns=columns))
            lines = [line for line in text.splitlines() if " kill " not in line]
            assert widest("\n".join(lines)) <= columns, text
            assert widest(attached.run(*words).stdout) > 50 or "--stats" in words


def test_nothing_is_said_twice_on_a_terminal(running: CommandLine) -> None:
    made = shown(running, "allocate", "-s", "grafana")
    assert made.count("New service type 'grafana'") == 1
    taken = running.json("allocate", "-s", "dev")["port"]
    for kind in ("dev", "loki"):
        text = shown(running, "allocate", "-s", kind, "-p", str(taken))
        assert text.count(f"not {taken}: leased to ") == 1, text
        assert text.count("New service type") == (kind == "loki")


def test_the_width_that_the_user_names_counts(attached: CommandLine) -> None:
    attached.run("allocate", "-s", "dev")
    assert widest(shown(attached, "audit", columns=200)) > 60
    assert widest(shown(attached, "audit", columns=200, COLUMNS="60")) <= 60
    assert widest(shown(attached, "audit", columns=60, COLUMNS="")) <= 60


def test_colour_is_for_terminals_that_want_it(attached: CommandLine) -> None:
    attached.run("allocate", "-s", "dev")
    for words, coloured in (
        (["list"], "\x1b[33mreserved\x1b[0m"),
        (["doctor"], "\x1b[32mok     \x1b[0m"),
        (["daemon", "status"], "\x1b[32mis running\x1b[0m"),
        (["check", "abc"], "\x1b[31mstyxy:\x1b[0m"),
    ):
        assert coloured in shown(attached, *words)
        assert not COLOUR.search(shown(attached, *words, NO_COLOR="1"))
        assert not COLOUR.search(attached.run(*words).stdout)


def test_a_daemon_that_is_started_is_announced_on_a_terminal(styxy: CommandLine) -> None:
    said = "styxy: started the Styxy daemon; to stop it: styxy daemon stop\n"
    # On a busy machine, a sentence about waiting comes first.
    assert said in COLOUR.sub("", shown(styxy, "check", "3000"))
    assert said not in COLOUR.sub("", shown(styxy, "check", "3000"))
    styxy.run("daemon", "stop")
    assert styxy.run("check", "3000").stderr == ""


def test_a_wait_says_what_it_waits_for(attached: CommandLine) -> None:
    text = COLOUR.sub("", shown(attached, "wait", "1", "--timeout", "1.5"))
    assert text.startswith("styxy: waiting for a server on 1, at most 1.5 s\n")
    assert "waiting" not in attached.run("wait", "1", "--timeout", "1.2").stderr


def test_interception_is_turned_off_again(styxy: CommandLine) -> None:
    styxy.env["LD_PRELOAD"] = "/l/other.so"
    shell, printed = os.pipe()  # a shell that evaluates what is printed reads a pipe
    said = shown(styxy, "env", "--off", stdout=printed)
    os.close(printed)
    os.close(shell)
    assert "interception is off in this shell" in said
    command = " ".join(COMMAND)
    done = subprocess.run(
        ["sh", "-c", f'eval "$({command} env)"; echo "$LD_PRELOAD"; eval "$({command} env --off)";'
         ' echo "$LD_PRELOAD"'],
        env=styxy.env, capture_output=True, text=True, timeout=LONGEST,
    )  # fmt: skip
    on, off = done.stdout.splitlines()
    assert on.endswith("/libstyxy.so")
    assert off == "/l/other.so"
    del styxy.env["LD_PRELOAD"]
    assert styxy.run("env", "--off").stdout == "unset LD_PRELOAD\n"
    assert styxy.run("env", "--off", "--format", "fish").stdout == "set -e LD_PRELOAD\n"
    assert styxy.run("env", "--off", "--format", "dotenv").returncode == 2
