"""Followers of the event stream: each connects again when the daemon dies, and misses nothing.

The journal numbers the events, so a gap in the numbers is what was missed. In the end each follower
has to have seen the last event.
"""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass

from bench.soak.installation import PATIENCE, Soak, Unanswered

COUNT = 4

RESTLESS = 30.0
"""Seconds after which every second follower goes away for a while by itself."""


@dataclass(slots=True)
class Follower:
    """One follower; `last` is the number of the last event that it has seen."""

    soak: Soak
    name: str
    last: int
    is_restless: bool = False

    def follow(self) -> None:
        """Follow until the soak stops."""
        while not self.soak.stopping.is_set():
            try:
                self._listen()
            except (OSError, http.client.HTTPException, Unanswered):
                self.soak.stopping.wait(0.1)
            else:
                self.soak.pause(2.0)
            self.soak.tally.note("reconnects")

    def catch_up(self, final: int) -> None:
        """Follow to the event `final`; what is not there in time was missed."""
        deadline = time.monotonic() + PATIENCE
        while self.last < final and time.monotonic() < deadline:
            try:
                self._listen(until=final)
            except (OSError, http.client.HTTPException, Unanswered):
                time.sleep(0.1)
        if self.last < final:
            missed = final - self.last
            self.soak.tally.lose("events", f"{self.name}: {missed} at the end", number=missed)

    def _listen(self, *, until: int | None = None) -> None:
        """Read one stream to its end; leave it when the soak stops, or at an event."""
        leave = time.monotonic() + RESTLESS * self.soak.random.random()
        connection = self.soak.connect()
        try:
            connection.request("GET", "/events", headers={"Last-Event-ID": str(self.last)})
            response = connection.getresponse()
            while line := response.readline():
                if line.startswith(b"id: "):
                    self.see(int(line[4:]))
                if until is not None and self.last >= until:
                    return
                if until is None and self.soak.stopping.is_set():
                    return
                if self.is_restless and time.monotonic() > leave:
                    return
        finally:
            connection.close()

    def see(self, number: int) -> None:
        """Take in the number of an event."""
        self.soak.tally.count("events")
        missed = number - self.last - 1
        if missed > 0:
            self.soak.tally.lose(
                "events", f"{self.name}: those after {self.last}, before {number}", number=missed
            )
        elif missed < 0:
            self.soak.tally.lose("events", f"{self.name}: {number} once more, after {self.last}")
        self.last = number


def newest(soak: Soak) -> int:
    """Return the number of the newest event. Raises `Unanswered`."""
    answer = soak.ask("GET", "/audit?limit=1")
    return int(answer.body["events"][-1]["seq"])
