"""A client of GET /events for tests: it reads a stream event by event."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any

from tests.daemon import Daemon


class Stream:
    """Follow a daemon's events; as a context manager, hang up in the end."""

    def __init__(self, daemon: Daemon, query: str = "", **headers: str) -> None:
        self.connection = daemon.connect()
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request("GET", "/events" + query, headers=said)
        self.response: http.client.HTTPResponse = self.connection.getresponse()

    def __enter__(self) -> Stream:
        assert self.response.status == 200, self.response.read()
        assert self.line() == b"retry: 1000"
        return self

    def __exit__(self, *_: object) -> None:
        with closing(self.connection):
            self.response.close()

    def line(self) -> bytes:
        """Read the next line; b"" is the end of a block, or of the stream."""
        return self.response.readline().rstrip(b"\n")

    def event(self) -> dict[str, Any]:
        """Read the next event, over comments and the ends of blocks."""
        fields: dict[str, str] = {}
        while "data" not in fields:
            raw = self.response.readline()
            assert raw, "the stream has ended"
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            fields[name] = value
        event = json.loads(fields["data"])
        assert isinstance(event, dict)
        assert (fields["event"], fields["id"]) == (event["event"], str(event["seq"]))
        return event

    def rest(self) -> bytes:
        """Read to the end of the stream."""
        return self.response.read()
