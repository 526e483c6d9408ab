"""What a client of a server sees: one GET, bypassing proxies, as soon as the server is reachable.

A refused connection is the only sign that is waited out; every server here writes nothing about it,
so that a wait of another length changes no byte of its output.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Callable

PATIENCE = 60.0
_PAUSE = 0.02  # seconds between two attempts to connect


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll a condition, with a deadline that only a failure reaches."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(_PAUSE)


def connect(address: str, port: int) -> socket.socket:
    """Connect as soon as something is listening."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection((address, port), timeout=PATIENCE)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"nobody listens on {address} {port}"
            time.sleep(_PAUSE)


def fetch(address: str, port: int) -> str:
    """Request the page and return it."""
    client = http.client.HTTPConnection("localhost")
    client.sock = connect(address, port)
    with contextlib.closing(client):
        client.request("GET", "/", headers={"Connection": "close"})
        return client.getresponse().read().decode()


def pages(
    address: str, port: int, *, count: int, ask: Callable[[str, int], str] = fetch
) -> set[str]:
    """Ask until `count` different pages were seen, as that many workers write them."""
    seen: set[str] = set()

    def look() -> bool:
        seen.add(ask(address, port))
        return len(seen) >= count

    wait_until(look, f"{count} workers on {port}")
    return seen


def is_refused(address: str, port: int) -> bool:
    """Return whether nothing is listening."""
    try:
        socket.create_connection((address, port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False
