"""How long a lease takes: allocate, release and check, through each door of the HTTP API."""

from __future__ import annotations

from collections.abc import Iterator

from bench.http_client import HttpClient
from bench.installation import Installation
from bench.rows import Row, row, timed

ROUNDS = 500
"""For each door: two doors over TCP with three requests a round stay under the rate limit."""

WARM_UP = 50
ALLOCATE_TARGET = 0.0005
ASK: dict[str, object] = {"service_type": "api", "service_name": "bench"}


def measure(installation: Installation) -> Iterator[Row]:
    """Walk through the doors: TCP and Unix socket, kept and new connection."""
    for unix in (False, True):
        for keep in (True, False):
            yield from measure_door(installation, unix=unix, keep=keep)


def measure_door(installation: Installation, *, unix: bool, keep: bool) -> Iterator[Row]:
    """Allocate one port and give it back, again and again; each lease is on disk when answered."""
    client = HttpClient(installation, unix=unix, keep=keep)
    rounds = [one_round(client) for _ in range(WARM_UP + ROUNDS)][WARM_UP:]
    client.close()
    way = f"HTTP, {'Unix socket' if unix else 'TCP'}, {'kept' if keep else 'new'} connection"
    allocating, releasing, checking = (list(times) for times in zip(*rounds, strict=True))
    yield row(f"allocate ({way})", allocating, target=ALLOCATE_TARGET)
    yield row(f"release ({way})", releasing)
    yield row(f"check ({way})", checking)


def one_round(client: HttpClient) -> tuple[float, float, float]:
    """Seconds of one allocate, one release, one check."""
    allocating, lease = seconds_of(client, "POST", "/allocate", ASK)
    releasing, _ = seconds_of(client, "DELETE", f"/allocate/{lease['lock_id']}")
    checking, _ = seconds_of(client, "GET", f"/check/{lease['port']}")
    return allocating, releasing, checking


def seconds_of(
    client: HttpClient, method: str, path: str, body: dict[str, object] | None = None
) -> tuple[float, dict[str, object]]:
    """Time one request; neither writing it nor reading the answer's JSON is in the time."""
    request = client.prepare(method, path, body)
    took, answer = timed(lambda: client.send(request))
    return took, client.decode(answer)
