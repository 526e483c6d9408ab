"""A terminal for examples: one shell with a home and a network of its own, two projects in it, and
a daemon that does not outlive it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.commands import CommandLine
from tests.docs.output_matching import OutputMatcher
from tests.docs.pages import Section
from tests.fakes import free_port
from tests.network import own_network

LONGEST = 20.0
"""Seconds that one line may take."""

END = "that was all"


class Terminal:
    """Type the examples of a section and hold what they say against the page."""

    def __init__(self, home: Path, section: Section) -> None:
        self._styxy = CommandLine(
            home / ".styxy",
            HOME=str(home),
            PYTHONUNBUFFERED="1",
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            GIT_CONFIG_GLOBAL="/dev/null",
        )
        self._home = home
        self._section = section
        self._pipes: list[int] = []
        self._network = own_network()
        self.matcher = OutputMatcher(str(home), is_exact=bool(self._network))
        self.matcher.name("9876", str(self._styxy.port))
        if not self._network:
            for port in section.ports:
                self.matcher.name(port, str(free_port()))

    def __enter__(self) -> Terminal:
        for name in ("shop", "blog"):
            make_project(self._home / name)
        self._shell = subprocess.Popen(
            [*self._network, "bash", "--norc", "--noprofile"],
            env=self._styxy.env,
            cwd=self._home / "shop",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._shell.stdout
        self._output = self._shell.stdout.fileno()
        if self._section.begins_with_run:  # it waits for one that starts a second and no longer
            self.type("styxy daemon start -d", ["..."])
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        assert self._shell.stdin
        with contextlib.suppress(BrokenPipeError):
            self._shell.stdin.close()
        self._shell.wait(LONGEST)
        assert self._shell.stdout
        self._shell.stdout.close()
        for pipe in self._pipes:
            os.close(pipe)
        self._styxy.kill_daemon()

    def type(self, command: str, expected: list[str]) -> str | None:
        """Type one line; tell what it said where that is not what was expected."""
        typed = self.matcher.command(command)
        if command.endswith(" &"):
            return self._type_and_go_on(typed.removesuffix(" &"), expected)
        self._write(f"{{ {typed}\n}} </dev/null 2>&1\nprintf '\\n{END} %d\\n' $?\n")
        said = self._read(self._output, lambda text: f"\n{END} " in text and text.endswith("\n"))
        text, _, code = said.rpartition(f"\n{END} ")
        if int(code) == 0 and self.matcher.agrees(expected, text.splitlines()):
            return None
        return f"{text}\n(exit status {code.strip()})"

    def _type_and_go_on(self, typed: str, expected: list[str]) -> str | None:
        """Start something in the background, and wait until it has said what it is to say."""
        path = self._home / f"output-{len(self._pipes)}"
        os.mkfifo(path)
        pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._pipes.append(pipe)
        self._write(f"{typed} >{path} 2>&1 </dev/null &\n")

        def agrees(text: str) -> bool:
            return self.matcher.agrees(expected, text.splitlines())

        said = self._read(pipe, agrees)
        return None if agrees(said) else said

    def _write(self, text: str) -> None:
        assert self._shell.stdin
        self._shell.stdin.write(text.encode())
        self._shell.stdin.flush()

    def _read(self, pipe: int, is_enough: Callable[[str], bool]) -> str:
        deadline = time.monotonic() + LONGEST
        data = b""
        while not is_enough(data.decode(errors="replace")):
            rest = deadline - time.monotonic()
            if rest <= 0 or not select.select([pipe], [], [], rest)[0]:
                break
            piece = os.read(pipe, 65536)
            if not piece:
                break
            data += piece
        return data.decode(errors="replace")


def make_project(place: Path) -> None:
    """Make a small project under git."""
    place.mkdir(parents=True)
    (place / "package.json").write_text(json.dumps({"name": place.name}) + "\n")
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@localhost"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *words], cwd=place, check=True, capture_output=True)
