"""What each backend costs in a guest: bind, listen and connect, with a move and without.

Plain, preloaded and supervised runs alternate, because a machine's speed wanders by more than the
difference; each turn gives one ratio for each backend, and the table has the median of these.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.installation import STYXY, CannotMeasure, Installation, any_port
from bench.probes import compiled
from bench.rows import Row, percentile, ratio, row

TURNS = 9
ROUNDS = 500
"""Calls of one run; the median of a run is one sample."""

MOVED_BINDS = 50
"""Binds of one run that each cost a question."""

BACKENDS = {
    "preloaded": [STYXY, "run", "--backend", "preload", "--"],
    "seccomp": [STYXY, "run", "--backend", "seccomp", "--"],
}


def measure(installation: Installation, place: Path) -> Iterator[Row]:
    """Compile the program, then time its calls in turns."""
    program = compiled("interception_probe", place)
    if program is None:
        return
    stranger = place / "stranger"
    stranger.mkdir()
    free, asked, shared = any_port(), any_port(), any_port()
    with (
        serving(installation, [str(program), "serve", str(asked)], stranger),
        serving(installation, [str(program), "serve", str(shared)], stranger),
    ):
        # Plain binds have a free port: on the taken one they would fail.
        turns = Turns(installation, str(program))
        yield from turns.rows(("bind", "listen"), free, free, "no move", rounds=ROUNDS)
        yield from turns.rows(("bind", "listen"), free, asked, "moved", rounds=MOVED_BINDS)
        yield from turns.rows(("connect",), shared, shared, "no move", rounds=ROUNDS)
        guest = [*BACKENDS["preloaded"], str(program), "serve", str(asked)]
        with serving(installation, guest, installation.home):
            yield from turns.rows(("connect",), asked, asked, "moved", rounds=ROUNDS)


class Turns:
    """Run the program plain and under each backend, one after the other."""

    def __init__(self, installation: Installation, program: str) -> None:
        self._installation = installation
        self._program = program

    def rows(
        self, calls: tuple[str, ...], plain: int, guest: int, what: str, *, rounds: int
    ) -> Iterator[Row]:
        """Time calls at one port plain and at another as a guest; give times and ratios."""
        words = [self._program, calls[0]]
        commands = {"plain": [*words, str(plain), str(rounds)]} | {
            name: [*under, *words, str(guest), str(rounds)] for name, under in BACKENDS.items()
        }
        turns = [
            {name: self._run(command) for name, command in commands.items()} for _ in range(TURNS)
        ]
        for place, call in enumerate(calls):
            took = {name: [turn[name][place] for turn in turns] for name in commands}
            yield row(f"{call}, {what}: plain", took["plain"])
            for name in BACKENDS:
                yield row(f"{call}, {what}: {name}", took[name])
                yield ratio(f"{call}, {what}: {name} / plain", took[name], took["plain"])

    def _run(self, command: list[str]) -> list[float]:
        """Tell the median of each call of a run, in seconds."""
        installation = self._installation
        done = subprocess.run(
            command,
            env=installation.env,
            cwd=installation.home,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotMeasure(f"a call failed: {done.stderr.strip()}")
        lines = [line.split() for line in done.stdout.splitlines() if line[:1].isdigit()]
        return [
            percentile([int(each) / 1e9 for each in one], 0.5) for one in zip(*lines, strict=True)
        ]


@contextlib.contextmanager
def serving(installation: Installation, command: list[str], place: Path) -> Iterator[None]:
    """Keep a server up in the project of a directory."""
    with subprocess.Popen(
        command,
        env={**installation.env, "STYXY_NOTIFY": "off"},
        cwd=place,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            if server.stdout.readline() != "ready\n":
                raise CannotMeasure("a server that is to be connected to did not start")
            yield
        finally:
            server.terminate()
