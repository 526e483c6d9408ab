"""Completion, in the real shells; one that is not here is skipped by name.

Also tests `grammar` and `shared`.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from scripts.shell_files import completion as script
from styxy.client.cli.commands.completion import SCRIPTS
from styxy.client.cli.main import MODULES, all_commands
from styxy.core.model.service_types import BUILT_IN
from tests.commands import COMMAND, CommandLine

CASES = [
    ("styxy ", set(MODULES)),
    ("styxy d", {"daemon", "doctor"}),
    ("styxy --json d", {"daemon", "doctor"}),
    ("styxy daemon ", {"start", "stop", "status", "restart", "logs"}),
    ("styxy daemon --json st", {"start", "stop", "status"}),
    ("styxy env --format ", {"sh", "fish", "json", "dotenv", "direnv", "vscode"}),
    ("styxy run --backend p", {"preload"}),
    ("styxy allocate -s a", {"api", "auth", "ai"}),
    ("styxy allocate --json --type ", {each.name for each in BUILT_IN}),
    ("styxy suggest dat", {"database"}),
    ("styxy config auto-allocation un", {"undo"}),
    ("styxy allocate --dr", {"--dry-run"}),
    ("styxy daemon start --no", {"--no-start"}),
    ("styxy completion z", {"zsh"}),
    ("styxy config set listen-p", {"listen-port"}),
]


def shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_command_and_each_option_is_in_each_script(name: str) -> None:
    text = script(name)
    for each in all_commands():
        assert each.name.split()[-1] in text
        for action in each.parser()._actions:
            for flag in action.option_strings:
                spelled = re.escape(flag) if name != "fish" else f"-[ls] {flag.lstrip('-')}"
                assert re.search(rf"{spelled}(?![\w-])", text), flag


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_shell_itself_finds_no_fault_with_it(name: str, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text(script(name))
    subprocess.run([shell(name), "-n", str(file)], check=True)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[CommandLine]:
    """A command line that a shell finds on its PATH, with a lease."""
    styxy = CommandLine(tmp_path / "home")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "styxy"
    program.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    styxy.env["PATH"] = f"{program.parent}:{styxy.env['PATH']}"
    styxy.env["HOME"] = str(tmp_path)
    assert styxy.run("allocate", "-s", "grafana", "-n", "web").returncode == 0
    yield styxy
    styxy.kill_daemon()


def live_cases(styxy: CommandLine) -> list[tuple[str, set[str]]]:
    (lease,) = cast("list[dict[str, object]]", styxy.json("list")["allocations"])
    return [
        ("styxy check ", {str(lease["port"])}),
        ("styxy release --port ", {str(lease["port"])}),
        ("styxy release ", {str(lease["lock_id"])}),
        ("styxy allocate -s graf", {"grafana"}),
        ("styxy allocate --name ", {"web"}),
    ]


def test_bash_offers_what_the_daemon_knows(installed: CommandLine, tmp_path: Path) -> None:
    for line, expected in live_cases(installed):
        assert offered_by_bash(line, tmp_path, installed.env) == expected


def test_fish_offers_what_the_daemon_knows(installed: CommandLine, tmp_path: Path) -> None:
    for line, expected in live_cases(installed):
        assert expected <= offered_by_fish(line, tmp_path, installed.env)


def test_zsh_offers_what_the_daemon_knows(installed: CommandLine, tmp_path: Path) -> None:
    with zsh(tmp_path, installed.env) as terminal:
        for line, (word,) in live_cases(installed):
            terminal.type(f"{line}\t")
            terminal.wait_for(line.rpartition(" ")[0] + " " + word)
            terminal.type("\x15")


def offered_by_bash(line: str, directory: Path, env: Mapping[str, str] | None = None) -> set[str]:
    words = line.split(" ")
    array = " ".join(f"'{word}'" for word in words)
    text = f"{script('bash')}\nCOMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _shtab_styxy\n"
    text += "printf '%s\\n' \"${COMPREPLY[@]}\""
    done = subprocess.run(
        [shell("bash"), "--norc", "-c", text],
        capture_output=True,
        text=True,
        check=True,
        cwd=directory,
        env=env,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_bash_offers_what_belongs_there(line: str, expected: set[str], tmp_path: Path) -> None:
    assert offered_by_bash(line, tmp_path) == expected


def test_bash_knows_whose_script_it_is() -> None:
    done = subprocess.run(
        [shell("bash"), "--norc", "-c", f"{script('bash')}\ncomplete -p styxy"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "complete -o bashdefault -F _shtab_styxy styxy\n"


def test_bash_offers_files_directories_and_programs(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.md").write_text("")
    assert offered_by_bash("styxy config import f", tmp_path) == {"folder", "file.md"}
    assert offered_by_bash("styxy list --project f", tmp_path) == {"folder"}
    assert "bash" in offered_by_bash("styxy run -- bas", tmp_path)
    assert offered_by_bash("styxy run -s dev -- cat f", tmp_path) == {"folder", "file.md"}
    assert offered_by_bash("styxy check ", tmp_path) == set()


def offered_by_fish(line: str, directory: Path, env: Mapping[str, str] | None = None) -> set[str]:
    text = f"{script('fish')}\ncomplete -C '{line}'"
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", text],
        capture_output=True,
        text=True,
        check=True,
        cwd=directory,
        env={**(os.environ if env is None else env), "HOME": str(directory)},
    )
    assert done.stderr == ""
    return {each.partition("\t")[0] for each in done.stdout.splitlines()}


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish_offers_what_belongs_there(line: str, expected: set[str], tmp_path: Path) -> None:
    assert offered_by_fish(line, tmp_path) == expected


class Terminal:
    """A shell at a terminal, as a person has it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._descriptor, text.encode())

    def wait_for(self, *wanted: str) -> str:
        """Read until all words have appeared."""
        seen = ""
        while not all(word in seen for word in wanted):
            ready, _, _ = select.select([self._descriptor], [], [], 20)
            assert ready, f"{wanted} has not appeared, but: {seen!r}"
            data = os.read(self._descriptor, 65536).decode(errors="replace")
            # Colours and cursor movements come in between the words.
            seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data)
        return seen


@contextlib.contextmanager
def zsh(directory: Path, env: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    program = shell("zsh")
    (directory / "_styxy").write_text(script("zsh"))
    pid, descriptor = pty.fork()
    if pid == 0:
        os.chdir(directory)
        own = {"PATH": os.environ["PATH"]} if env is None else env
        os.execve(program, ["zsh", "-f", "-i"], {**own, "TERM": "xterm"})
    try:
        terminal = Terminal(descriptor)
        terminal.type(
            "PS1='> '; LISTMAX=1000; autoload -Uz compinit; compinit -u -D; eval \"$(<_styxy)\"; "
            "print rea''dy\n"
        )
        terminal.wait_for("ready\r\n")
        yield terminal
    finally:
        os.close(descriptor)
        os.waitpid(pid, 0)


def test_zsh_offers_what_belongs_there(tmp_path: Path) -> None:
    with zsh(tmp_path) as terminal:
        for line, expected in CASES:
            terminal.type(f"{line}\t\t")
            if len(expected) > 1:
                terminal.wait_for(*expected)
            else:
                (word,) = expected
                terminal.wait_for(line.rpartition(" ")[0] + " " + word)
            terminal.type("\x15")  # Control-U: forget the line
