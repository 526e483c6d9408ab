"""Every change as it happens: in order, without a gap, whoever is slow, leaves or comes back."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, closing
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from styxy.adapters.journal.journal import Journal
from styxy.core.books.events import Event, Noted
from styxy.core.errors import Unavailable
from styxy.server.service.event_stream import BATCH, MAX_FOLLOWERS, MEMORY, EventStream, Follower
from tests.daemon import Daemon, wait_until
from tests.streams import Stream


def test_a_follower_sees_what_the_audit_has(daemon: Daemon) -> None:
    with Stream(daemon) as stream:
        lease = daemon.allocate("build")
        daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
        seen = [stream.event(), stream.event()]
    assert [event["event"] for event in seen] == ["allocated", "released"]
    assert {event["lock_id"] for event in seen} == {lease["lock_id"]}
    assert daemon.call("GET", "/audit?limit=2").body["events"] == seen


def test_a_follower_that_comes_back_has_missed_nothing(daemon: Daemon) -> None:
    with Stream(daemon) as stream:
        daemon.allocate("build")
        last = stream.event()["seq"]
    missed: list[str] = []
    for _ in range(75):
        missed += 2 * [daemon.allocate("build")["lock_id"]]
        daemon.call("DELETE", f"/allocate/{missed[-1]}")
    with Stream(daemon, last_event_id=str(last)) as stream:
        assert [stream.event()["lock_id"] for _ in missed] == missed
        live = daemon.allocate("build")
        assert stream.event()["port"] == live["port"]


def test_events_are_kept_over_a_restart(fresh: Daemon) -> None:
    with Stream(fresh) as stream:
        fresh.allocate("build")
        first = stream.event()
        second = fresh.allocate("build")
    fresh.kill()
    fresh.start()
    with Stream(fresh, f"?since_seq={first['seq']}") as stream:
        assert stream.event()["port"] == second["port"]


def test_a_follower_of_one_kind_gets_no_other(daemon: Daemon) -> None:
    with Stream(daemon, "?event=released") as stream:
        lease = daemon.allocate("build")
        daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
        assert stream.event()["event"] == "released"


@pytest.mark.parametrize("last", ["-1", "x", "9" * 30, "1.5"])
def test_a_wrong_last_event_id_is_refused(daemon: Daemon, last: str) -> None:
    answer = daemon.call("GET", "/events", last_event_id=last)
    assert (answer.status, answer.body["code"]) == (400, "invalid_input")


def test_an_id_from_another_journal_begins_with_what_comes_next(daemon: Daemon) -> None:
    with Stream(daemon, last_event_id="99999999") as stream:
        lease = daemon.allocate("build")
        assert stream.event()["port"] == lease["port"]


def test_a_head_request_ends(daemon: Daemon) -> None:
    with closing(daemon.connect()) as connection:
        connection.request("HEAD", "/events")
        response = connection.getresponse()
        assert response.headers["content-type"] == "text/event-stream"
        assert response.read() == b""


def test_fifty_followers_see_the_same(daemon: Daemon) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(Stream(daemon)) for _ in range(50)]
        assert _gauge(daemon, "styxy_event_followers") == 50
        leases = [daemon.allocate("build") for _ in range(20)]
        for stream in streams:
            assert [stream.event()["port"] for _ in leases] == [each["port"] for each in leases]


def test_whoever_hangs_up_is_forgotten(daemon: Daemon) -> None:
    with Stream(daemon):
        pass
    wait_until(lambda: _gauge(daemon, "styxy_event_followers") == 0)


def test_open_streams_do_not_hold_a_stop(fresh: Daemon) -> None:
    with ExitStack() as stack:
        streams = [stack.enter_context(Stream(fresh)) for _ in range(3)]
        assert fresh.stop(signal.SIGTERM) == 0
        for stream in streams:
            assert b"data" not in stream.rest()


def test_a_client_that_does_not_read_holds_neither_the_others_nor_a_stop(fresh: Daemon) -> None:
    with closing(fresh.connect_unix(fresh.facts["socket"])) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /events?since_seq=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with Stream(fresh) as stream:
            for _ in range(400):
                lease = fresh.allocate("build")
                fresh.call("DELETE", f"/allocate/{lease['lock_id']}")
            # What other programs of the machine ask for is told, too.
            told = (stream.event()["event"] for _ in count())
            kinds = list(islice((each for each in told if each != "port_asked"), 800))
        assert kinds == ["allocated", "released"] * 400
        assert fresh.stop(signal.SIGTERM) == 0


# --- the stream itself ---------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(str(tmp_path / "styxy.db"))
    yield journal
    journal.close()


def note(journal: Journal, stream: EventStream, count: int) -> None:
    """Commit events as the service does."""
    for number in range(count):
        events = [Noted(subject="test", message=str(number), at=1000.0 + number)]
        journal.append(events)
        stream.on_events(events)


def test_a_follower_that_fell_behind_reads_the_journal(journal: Journal) -> None:
    async def follow() -> bytes:
        stream = EventStream(journal)
        follower = stream.follow(after=None, word=None)
        note(journal, stream, MEMORY + 50)
        pieces = [await follower.next_piece() for _ in range((MEMORY + 50) // 100 + 1)]
        return b"".join(pieces)

    said = asyncio.run(follow())
    ids = [int(line[4:]) for line in said.splitlines() if line.startswith(b"id: ")]
    assert ids == list(range(1, MEMORY + 51))


class CountingJournal(Journal):
    """A journal that counts how often it is read."""

    reads = 0

    def read_on(self, after: int, *, limit: int) -> list[tuple[int, Event]]:
        """Read, and count it."""
        self.reads += 1
        return super().read_on(after, limit=limit)


def test_fifty_that_begin_with_the_first_event_read_the_journal_once(tmp_path: Path) -> None:
    journal = CountingJournal(str(tmp_path / "styxy.db"))
    journal.append([Noted(subject="test", message=str(n), at=1000.0 + n) for n in range(1000)])

    async def read_all(follower: Follower) -> bytes:
        return b"".join([await follower.next_piece() for _ in range(1000 // BATCH)])

    async def follow() -> list[bytes]:
        stream = EventStream(journal)
        followers = [stream.follow(after=0, word=None) for _ in range(50)]
        return await asyncio.gather(*map(read_all, followers))

    pieces = asyncio.run(follow())
    assert len(set(pieces)) == 1
    assert pieces[0].count(b"id: ") == 1000
    assert journal.reads == 1000 // BATCH
    journal.close()


def test_a_silent_stream_has_a_heart(journal: Journal) -> None:
    async def follow() -> bytes:
        return await EventStream(journal, heartbeat=0.01).follow(after=0, word=None).next_piece()

    assert asyncio.run(follow()) == b": heartbeat\n\n"


def test_whoever_does_not_read_is_hung_up_on(journal: Journal) -> None:
    async def follow() -> None:
        follower = EventStream(journal, patience=0.01).follow(after=0, word=None)
        is_hung_up = asyncio.Event()

        def hang_up() -> None:
            is_hung_up.set()
            follower.left()

        async def until_hung_up(_message: MutableMapping[str, Any]) -> None:
            await is_hung_up.wait()

        follower.hang_up = hang_up
        await follower.pour(until_hung_up)

    asyncio.run(asyncio.wait_for(follow(), 5))


def test_the_crowd_has_an_end(journal: Journal) -> None:
    async def follow() -> None:
        stream = EventStream(journal)
        followers = [stream.follow(after=None, word=None) for _ in range(MAX_FOLLOWERS)]
        with pytest.raises(Unavailable):
            stream.follow(after=None, word=None)
        followers[0].close()
        stream.follow(after=None, word=None)

    asyncio.run(follow())


def test_without_followers_nothing_is_remembered(journal: Journal) -> None:
    async def follow() -> None:
        stream = EventStream(journal)
        note(journal, stream, 10)
        assert len(stream.after(0)) == 10  # from the journal
        assert not stream._memory

    asyncio.run(follow())


def _gauge(daemon: Daemon, name: str) -> float:
    metrics = daemon.call("GET", "/metrics?format=json").body["metrics"]
    (samples,) = [each["samples"] for each in metrics if each["name"] == name]
    return float(samples[0]["value"])
