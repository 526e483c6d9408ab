"""Stops a server with the care of `styxy stop`, by calling it: a process of its own may take its
time, and look at every other process.

The command line has the one way to end a server: it pins each process, asks politely, kills what is
left, and refuses what a service manager or a container engine must end. `--force` is right here, as
the question whose project it is was answered by whoever looked at the page; `--pid` makes sure that
the server is still the one that was looked at.
"""

from __future__ import annotations

import asyncio
import json
import sys

from styxy.core.errors import Conflict, Unavailable, from_answer

MOST_AT_ONCE = 4


class Stopping:
    """Stops servers, a few at once."""

    def __init__(self) -> None:
        self._running: set[int] = set()

    async def stop(self, port: int, pid: int) -> str:
        """Stop the server on a port that has a process; return what happened.

        Raises what `styxy stop` refuses, `Conflict` if that server is being stopped already, and
        `Unavailable` if many are.
        """
        if port in self._running:
            raise Conflict(f"the server on port {port} is being stopped already", port=port)
        if len(self._running) >= MOST_AT_ONCE:
            raise Unavailable(f"{MOST_AT_ONCE} servers are being stopped; wait for them")
        self._running.add(port)
        try:
            return await _stop(port, pid)
        finally:
            self._running.discard(port)


async def _stop(port: int, pid: int) -> str:
    words = ["stop", str(port), "--pid", str(pid), "--force", "--json", "--no-start"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "styxy", *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # a signal for the daemon's group is not for it
    )  # fmt: skip
    said, _ = await process.communicate()
    try:
        body = json.loads(said)
    except ValueError:
        raise Unavailable(
            f"styxy stop {port} ended with status {process.returncode} and said nothing",
            suggestions=[f"styxy stop {port}"],
        ) from None
    if process.returncode:
        raise from_answer(body)
    return str(body["message"])
