"""One real program: how it is started and ended, where it answers, what of its output varies."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.programs.http_probe import fetch, pages
from tests.programs.running import Running
from tests.programs.sources import PYTHON_ITSELF, Source

API = range(8000, 8100)
DEV = range(3000, 3100)
SERVICE = {API: "api", DEV: "dev"}

_LONGEST_PREPARATION = 300.0
"""Seconds; the first build of a Go program compiles the standard library, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Describe one program.

    In `words` and `files`, PORT stands for the port, and in `files` CONTENT for what the server
    answers; each of several `workers` adds words of its own. `prepares` is a command that makes of
    the files what is run. `ask` gives the server's answer where it does not speak HTTP. `says` is
    what it prints of the port that it has, and on which `stream`, where it asks the kernel.
    Its user ends it by a signal, to it alone or, as Ctrl-C does, to all of its tree.
    `varies` are patterns of output that no two runs share; the lines of several workers, or of
    threads, come in any order. `backend` is what `auto` has to choose.
    One that finds another port by itself is named by `takes` in the notice; one that `opens` opens
    a browser when it serves.
    A program `is_slow` where it, or getting it, takes long: it runs with `make compat` alone.
    """

    name: str
    words: tuple[str | Path, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    prepares: tuple[str, ...] = ()
    ports: range = API
    addresses: tuple[str, ...] = ("127.0.0.1",)
    workers: int = 1
    ask: Callable[[str, int], str] = fetch
    says: str = ""
    stream: str = "stdout"
    ends_by: signal.Signals = signal.SIGTERM
    ends_tree: bool = False
    varies: tuple[str, ...] = ()
    is_in_order: bool = True
    source: Source = PYTHON_ITSELF
    backend: str = "preload"
    takes: str = ""
    opens: bool = False
    is_slow: bool = False

    def __str__(self) -> str:
        """Name the program; pytest names its tests so."""
        return self.name

    def missing(self) -> str | None:
        """Say why the program cannot be had on this machine, in one sentence; None: it can."""
        return self.source.missing()

    def settle_in(self, project: Path, content: str, *, port: int = 0) -> None:
        """Write the program's files into a project, and make of them what is run."""
        for name, text in self.files.items():
            text = text.replace("CONTENT", content)
            path = project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(re.sub(r"\bPORT\b", str(port), text))
        if self.prepares:
            self._prepare(project)

    def _prepare(self, project: Path) -> None:
        done = subprocess.run(
            self.prepares, cwd=project, env=os.environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=_LONGEST_PREPARATION,
        )  # fmt: skip
        assert done.returncode == 0, f"{self.prepares}\n{done.stdout}{done.stderr}"

    def command(self, port: int) -> list[str]:
        """Spell the command line for a port."""
        return [str(word).replace("PORT", str(port)) for word in self.words]

    @property
    def way(self) -> str:
        """Spell the command line as a person types it."""
        words = [Path(word).name if Path(word).is_absolute() else str(word) for word in self.words]
        return shlex.join(words)

    def end(self, server: Running) -> None:
        """Ask the program to end, as its user does."""
        if self.ends_tree:
            os.killpg(server.pid, self.ends_by)
        else:
            server.signal(self.ends_by)

    def assert_answers(self, port: int, content: str) -> None:
        """Prove that the program, all of its workers, answers on each address that it serves."""
        for address in self.addresses:
            seen = pages(address, port, count=self.workers, ask=self.ask)
            said = {spoken(page) for page in seen}
            assert said == {content}, f"{said} on {address}, not {content}"

    def settled(self, output: str, *, instead: str = "") -> str:
        """Take out what no two runs share."""
        for pattern in self.varies:
            output = re.sub(pattern, instead, output)
        if self.is_in_order and self.workers == 1:
            return output
        return "".join(sorted(output.splitlines(keepends=True)))


def spoken(page: str) -> str:
    """Take a program's own words from a page: Vite puts a script before, workers a name behind."""
    return page.strip().splitlines()[-1].partition(" by ")[0]
