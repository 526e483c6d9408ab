"""What the library costs in a guest: bind, listen and connect, with a move and without.

Plain and preloaded runs alternate, because a machine's speed wanders by more than the difference;
each pair gives one ratio, and the table has the median of these.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.house import STYXY, CannotMeasure, House, any_port
from bench.probes import compiled
from bench.rows import Row, percentile, row

PAIRS = 9
ROUNDS = 500
"""Calls of one run; the median of a run is one sample."""

MOVED_BINDS = 50
"""Binds of one run that each cost a question."""

GUEST = (STYXY, "run", "--backend", "preload", "--")


def measure(house: House, place: Path) -> Iterator[Row]:
    """Compile the program, then time its calls in pairs."""
    program = compiled("interception_probe", place)
    if program is None:
        return
    stranger = place / "stranger"
    stranger.mkdir()
    free, asked, shared = any_port(), any_port(), any_port()
    with (
        serving(house, [str(program), "serve", str(asked)], stranger),
        serving(house, [str(program), "serve", str(shared)], stranger),
    ):
        # Plain binds have a free port: on the taken one they would fail.
        pairs = Pairs(house, str(program))
        yield from pairs.rows(("bind", "listen"), free, free, "no move", rounds=ROUNDS)
        yield from pairs.rows(("bind", "listen"), free, asked, "moved", rounds=MOVED_BINDS)
        yield from pairs.rows(("connect",), shared, shared, "no move", rounds=ROUNDS)
        with serving(house, [*GUEST, str(program), "serve", str(asked)], house.home):
            yield from pairs.rows(("connect",), asked, asked, "moved", rounds=ROUNDS)


class Pairs:
    """Run the program plain and preloaded, one after the other."""

    def __init__(self, house: House, program: str) -> None:
        self._house = house
        self._program = program

    def rows(
        self, calls: tuple[str, ...], plain: int, preloaded: int, what: str, *, rounds: int
    ) -> Iterator[Row]:
        """Time calls at one port plain and at another preloaded; give times and the ratio."""
        pairs = [
            (
                self._run([self._program, calls[0], str(plain), str(rounds)]),
                self._run([*GUEST, self._program, calls[0], str(preloaded), str(rounds)]),
            )
            for _ in range(PAIRS)
        ]
        for place, call in enumerate(calls):
            theirs = [one[place] for one, _ in pairs]
            mine = [two[place] for _, two in pairs]
            ratios = [two / one for one, two in zip(theirs, mine, strict=True)]
            yield row(f"{call}, {what}: plain", theirs)
            yield row(f"{call}, {what}: preloaded", mine)
            yield Row(
                what=f"{call}, {what}: preloaded / plain",
                median=percentile(ratios, 0.5),
                p95=percentile(ratios, 0.95),
                rounds=len(ratios),
                unit="ratio",
            )

    def _run(self, command: list[str]) -> list[float]:
        """Tell the median of each call of a run, in seconds."""
        house = self._house
        done = subprocess.run(
            command, env=house.env, cwd=house.home, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotMeasure(f"a call failed: {done.stderr.strip()}")
        lines = [line.split() for line in done.stdout.splitlines() if line[:1].isdigit()]
        return [
            percentile([int(each) / 1e9 for each in one], 0.5) for one in zip(*lines, strict=True)
        ]


@contextlib.contextmanager
def serving(house: House, command: list[str], place: Path) -> Iterator[None]:
    """Keep a server up in the project of a directory."""
    with subprocess.Popen(
        command,
        env={**house.env, "STYXY_NOTIFY": "off"},
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
