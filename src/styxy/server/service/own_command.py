"""Runs the command line of this very installation, as a process of its own.

What only the command line does (ending processes with care, examining an installation) the daemon
has done by it: there is one way to do it, and a process may wait for what would hold up the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

from msgspec import Struct

from styxy.core.errors import Unavailable

REAPING = 1.0
"""Seconds for what was killed to be gone."""


class Ended(Struct, frozen=True):
    """The exit status of a command, and its standard output."""

    status: int
    said: bytes


async def run_styxy(*words: str, patience: float | None = None) -> Ended:
    """Run `styxy` with `words` and return how it ended.

    Raises `Unavailable` if it cannot be started, or has not ended after `patience` seconds. It is
    killed then, and if the caller is cancelled; it may go on for a while even so, where a dead
    mount holds it in the kernel.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "styxy", *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # a signal for the daemon's group is not for it
        )  # fmt: skip
    except OSError as error:  # EMFILE, ENOMEM; ENOENT: uninstalled
        raise Unavailable(f"styxy {words[0]} cannot be started: {error.strerror}") from None
    try:
        said, _ = await asyncio.wait_for(process.communicate(), patience)
    except asyncio.CancelledError:
        _kill(process)
        raise
    except TimeoutError:
        _kill(process)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), REAPING)
        raise Unavailable(f"styxy {words[0]} did not end within {patience} s") from None
    assert process.returncode is not None
    return Ended(process.returncode, said)


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        process.kill()
