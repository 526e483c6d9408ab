"""What the soak counts: how much was done, what was lost of it, and what it shows in the end.

All workers count here, from threads of their own. What is lost is kept with a sentence each, so
that a number above zero can be followed up.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

KEPT = 20
"""Sentences that are kept for each kind of loss; the first ones tell most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One line of the table: what is counted, and what must not happen to it."""

    done: str
    lost: str


PROMISES = {
    "leases": Promise(done="leases acknowledged", lost="lost"),
    "releases": Promise(done="releases acknowledged", lost="came back"),
    "grants": Promise(done="ports granted", lost="granted twice"),
    "holders": Promise(done="holders killed", lost="kept their lease"),
    "answers": Promise(
        done="connections to a worktree's server", lost="reached another worktree's server"
    ),
    "reached": Promise(done="of these, its server ran", lost="reached nobody"),
    "starts": Promise(done="servers started", lost="did not start"),
    "events": Promise(done="events followed", lost="missed"),
    "commands": Promise(done="requests and commands besides", lost="failed"),
    "kills": Promise(done="daemons killed with SIGKILL", lost="not replaced"),
}
"""Whatever is counted as lost fails the soak."""

NOTES = {
    "unanswered": "requests and commands that a killed daemon left unanswered",
    "slow starts": "times that `styxy daemon start` did not wait until the daemon answered",
    "starts unserved": "starts of servers that met no daemon, and did not start",
    "answers unserved": "connections made without a daemon that reached another worktree's server",
    "homeless unserved": "of these, made while the worktree had no server",
    "reached unserved": "connections made without a daemon that reached nobody",
    "moved": "servers that were moved to another port",
    "reconnects": "times that a follower connected again",
}
"""What no daemon can help, or what is only good to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What the daemon and its files take at one moment; `memory` and `disk` are in bytes."""

    when: float
    memory: int
    descriptors: int
    disk: int


@dataclass(slots=True)
class Tally:
    """Count what is done and what is lost; may be used from any thread."""

    began: float = field(default_factory=time.monotonic)
    done: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    losses: dict[str, list[str]] = field(default_factory=dict)
    sizes: list[Size] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str, number: int = 1) -> None:
        """Count what went well, or was tried."""
        assert what in PROMISES, what
        with self._lock:
            self.done[what] += number

    def lose(self, what: str, sentence: str, *, number: int = 1) -> None:
        """Count a loss; the sentence says what exactly, and is kept with its time."""
        assert what in PROMISES, what
        with self._lock:
            self.lost[what] += number
            kept = self.losses.setdefault(what, [])
            if len(kept) < KEPT:
                kept.append(f"{time.monotonic() - self.began:.1f} s: {sentence}")

    def note(self, what: str, number: int = 1) -> None:
        """Count what is no loss."""
        assert what in NOTES, what
        with self._lock:
            self.notes[what] += number

    def measure(self, size: Size) -> None:
        """Keep what the daemon takes now."""
        with self._lock:
            self.sizes.append(size)

    @property
    def is_lossless(self) -> bool:
        """Whether nothing was lost."""
        return not +self.lost


def table(tally: Tally) -> str:
    """Write the counts as Markdown, with what was lost in words below."""
    lines = ["| | how many | what must not be | how many |", "| --- | ---: | --- | ---: |"]
    for name, promise in PROMISES.items():
        lines.append(
            f"| {promise.done} | {tally.done[name]:,} | {promise.lost} | {tally.lost[name]:,} |"
        )
    lines += ["", "| besides | how many |", "| --- | ---: |"]
    lines += [f"| {meaning} | {tally.notes[name]:,} |" for name, meaning in NOTES.items()]
    if tally.sizes:
        lines += ["", *size_lines(tally.sizes)]
    for name, sentences in tally.losses.items():
        lines += ["", f"{PROMISES[name].done}, {PROMISES[name].lost}:", ""]
        lines += [f"- {sentence}" for sentence in sentences]
        if (more := tally.lost[name] - len(sentences)) > 0:
            lines.append(f"- and {more:,} more")
    return "\n".join(lines)


def size_lines(sizes: list[Size]) -> list[str]:
    """Show what the daemon took at the start, in the middle, at the end, and at most."""
    chosen = {
        "at the start": sizes[0],
        "in the middle": min(
            sizes, key=lambda size: abs(size.when - (sizes[0].when + sizes[-1].when) / 2)
        ),
        "at the end": sizes[-1],
    }
    lines = [
        "| the daemon | memory (PSS) | descriptors | its home on disk |",
        "| --- | ---: | ---: | ---: |",
    ]
    for when, size in chosen.items():
        lines.append(size_line(when, size.memory, size.descriptors, size.disk))
    lines.append(
        size_line(
            "at most",
            max(size.memory for size in sizes),
            max(size.descriptors for size in sizes),
            max(size.disk for size in sizes),
        )
    )
    return lines


def size_line(when: str, memory: int, descriptors: int, disk: int) -> str:
    """One line of it."""
    return f"| {when} | {memory / 2**20:.1f} MiB | {descriptors} | {disk / 2**20:.1f} MiB |"


def size_of(pid: int, home: Path, *, when: float) -> Size:
    """Measure a running daemon (proc(5), smaps_rollup). Raises `OSError` if it is gone."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    memory = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Size(when=when, memory=memory * 1024, descriptors=descriptors, disk=disk_usage(home))


def disk_usage(folder: Path) -> int:
    """Add up the bytes of the files in a folder; one that has just gone counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        total += status.st_blocks * 512
    return total
