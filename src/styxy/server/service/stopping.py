"""Stops a server with the care of `styxy stop`, by calling it: a process of its own may take its
time, and look at every other process.

The command line has the one way to end a server: it pins each process, asks politely, kills what is
left, and refuses what a service manager or a container engine must end. `--force` is right here, as
the question whose project it is was answered by whoever looked at the page; `--pid` makes sure that
the server is still the one that was looked at.
"""

from __future__ import annotations

import json

from styxy.core.errors import Conflict, Unavailable, from_answer
from styxy.server.service.own_command import run_styxy

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
    ended = await run_styxy(*words)
    try:
        body = json.loads(ended.said)
    except ValueError:
        raise Unavailable(
            f"styxy stop {port} ended with status {ended.status} and said nothing",
            suggestions=[f"styxy stop {port}"],
        ) from None
    if ended.status:
        raise from_answer(body)
    return str(body["message"])
