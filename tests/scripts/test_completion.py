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
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.shell_files import completion as script
from styxy.client.cli.commands.completion import SCRIPTS
from styxy.client.cli.main import MODULES, all_commands
from styxy.core.model.service_types import BUILT_IN

CASES = [
    ("styxy ", set(MODULES)),
    ("styxy d", {"daemon", "doctor"}),
    ("styxy --json d", {"daemon", "doctor"}),
    ("styxy daemon ", {"start", "stop", "status", "restart", "logs"}),
    ("styxy daemon --json st", {"start", "stop", "status"}),
    ("styxy env --format ", {"sh", "fish", "json", "dotenv", "direnv"}),
    ("styxy run --backend p", {"preload"}),
    ("styxy allocate -s a", {"api", "auth", "ai"}),
    ("styxy allocate --json --type ", {each.name for each in BUILT_IN}),
    ("styxy suggest dat", {"database"}),
    ("styxy config auto-allocation un", {"undo"}),
    ("styxy allocate --dr", {"--dry-run"}),
    ("styxy daemon start --no", {"--no-start"}),
    ("styxy completion z", {"zsh"}),
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


def offered_by_bash(line: str, directory: Path) -> set[str]:
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


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish_offers_what_belongs_there(line: str, expected: set[str], tmp_path: Path) -> None:
    text = f"{script('fish')}\ncomplete -C '{line}'"
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", text],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.stderr == ""
    assert {each.partition("\t")[0] for each in done.stdout.splitlines()} == expected


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
def zsh(directory: Path) -> Iterator[Terminal]:
    program = shell("zsh")
    (directory / "_styxy").write_text(script("zsh"))
    pid, descriptor = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execve(program, ["zsh", "-f", "-i"], {"TERM": "xterm", "PATH": os.environ["PATH"]})
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
