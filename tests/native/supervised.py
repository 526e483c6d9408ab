"""What the tests of the seccomp supervisor share: its executable, and programs out of reach."""

from __future__ import annotations

import functools
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from native.build import supervisor_command
from tests.daemon import PAUSE
from tests.native.guest import FakeDaemon, compiled, library
from tests.scratch import once, scratch

STRICT = ["-Werror", "-Wshadow", "-Wconversion"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]


@functools.cache
def supervisor(*, sanitize: bool = False) -> Path:
    """The supervisor, compiled as the build compiles it, beside the library; or sanitized."""

    def build(out: Path) -> None:
        dynamic = supervisor_command(str(out), extra=[*STRICT, *(SANITIZERS if sanitize else [])])
        words = supervisor_command(str(out), extra=STRICT, static=True)
        if sanitize or subprocess.run(words, capture_output=True, timeout=300).returncode != 0:
            subprocess.run(dynamic, check=True, timeout=300)

    return once(scratch() / "seccomp" / ("sanitized" if sanitize else "styxy-seccomp"), build)


@functools.cache
def library_beside() -> Path:
    """The library in the folder of the supervisor, which it looks for there."""

    def copy(out: Path) -> None:
        shutil.copy(library(), out)

    return once(supervisor().parent / "libstyxy.so", copy)


@functools.cache
def is_allowed() -> bool:
    """Whether this machine lets a supervisor work."""
    return subprocess.run([supervisor(), "probe"]).returncode == 0


needs_seccomp = pytest.mark.skipif(
    "not __import__('tests.native.supervised', fromlist=['x']).is_allowed()",
    reason="this kernel does not allow a supervisor",
)


def under(*words: str | Path, sanitize: bool = False) -> list[str | Path]:
    """The command that runs `words` below a supervisor."""
    return [supervisor(sanitize=sanitize), "run", "--", *words]


def environment(daemon: FakeDaemon, **more: str) -> dict[str, str]:
    """A guest's environment without the library."""
    env = daemon.environment(**more)
    del env["LD_PRELOAD"]
    return env


def static(text: str) -> Path:
    """A static C program."""
    return compiled(text, "-static")


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def processes_of(name: str, *, above: int) -> list[int]:
    """The processes called `name` (comm) whose session or parent is one that we started."""
    numbered = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    named = [int(entry.name) for entry in numbered if _comm(entry) == name]
    return [pid for pid in named if _descends(pid, above)]


def wait_until(condition: object, *, seconds: float = 10) -> None:
    """Wait until `condition()` holds, as the kernel gives no event for it."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(PAUSE)


def _comm(entry: Path) -> str:
    try:
        return (entry / "comm").read_text().strip()
    except OSError:
        return ""


def _descends(pid: int, above: int) -> bool:
    while pid > 1:
        if pid == above:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False
