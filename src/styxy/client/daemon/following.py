"""Follow events for as long as somebody watches, even across a restart of the daemon."""

from __future__ import annotations

import time

from styxy.client.daemon.connection import not_running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from styxy.client.daemon.connection import Connection
    from styxy.client.daemon.sse import StreamEvent

RETURN_PATIENCE = 10.0
"""Seconds that a daemon may be gone; a restart takes half a second."""

LOOK_INTERVAL = 0.1


def follow(
    connection: Connection,
    path_after: Callable[[int], str],
    *,
    after: int,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[StreamEvent]:
    """Yield every event after number `after`, each once; `path_after` returns the stream's path.

    Raises `DaemonUnreachable` if no daemon has come back for `RETURN_PATIENCE` seconds.
    """
    while True:
        for event in connection.follow(path_after(after)):
            after = event.seq
            yield event
        deadline = time.monotonic() + RETURN_PATIENCE
        pause(LOOK_INTERVAL)
        while not connection.listens():
            if time.monotonic() > deadline:
                raise not_running()
            pause(LOOK_INTERVAL)
