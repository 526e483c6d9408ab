"""How a step of a release fails: with a sentence that ends in what to type, and no stack trace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class Failure(Exception):
    """A step that cannot be done; its text says why, and what to do."""


def run(
    words: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a command quietly; return what it prints on standard output.

    Raises `Failure` with everything that it said if it fails or is not there.
    """
    try:
        done = subprocess.run(
            [str(word) for word in words],
            cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError as missing:
        raise Failure(f"{words[0]} is not installed ({missing.strerror})") from missing
    if done.returncode != 0:
        said = f"{done.stdout}{done.stderr}".strip()
        raise Failure(f"{' '.join(map(str, words))} failed with {done.returncode}:\n{said}")
    return done.stdout


def ending_well(step: Callable[[], None]) -> int:
    """Do a step of a release; return its exit status, 1 after a failure and 130 after Ctrl-C."""
    try:
        step()
    except Failure as failure:
        print(f"not done: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; make it again before you use dist/", file=sys.stderr)
        return 130
    return 0
