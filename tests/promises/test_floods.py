"""Promise: no stranger stops the daemon, whatever he sends, however much and however often."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from styxy.adapters.paths import NOTE_SOCKET
from tests.daemon import Daemon
from tests.promises.flooding import (
    FOLLOWERS,
    KINDS,
    NOTES,
    Seen,
    as_another_user,
    ask_question,
    ask_status,
    flood,
    look,
    memory_of,
    running,
)
from tests.promises.load import IS_SOAK, make_home, session, short_or_long

pytestmark = [pytest.mark.slow, pytest.mark.alone]

SECONDS = short_or_long(1, 7)

ARE_STRANGERS = bool(as_another_user())
"""Whether the floods come from another user: our own has all the room, and no bound on opens."""

MOST_WORK = 0.15 if IS_SOAK and ARE_STRANGERS else 0.5
"""Seconds in which the daemon itself works while one honest client waits for its answer. It took
1.3 to 9. On a machine with more to do than processors the flood comes while the daemon has none,
fills the backlog, and the client asks again after a second (tcp(7), tcp_syn_retries)."""

STATUS_SECONDS, GUEST_SECONDS = 0.15, 0.25
"""What the soak holds it to by the clock as well, on a machine that does nothing else."""

MEMORY = 1.1 if ARE_STRANGERS else 1.25
"""How much of its memory the daemon has when a flood is over; it grew to 20 times as much."""


def check(seen: Seen, flood_of: str) -> None:
    """Say what honest clients saw, and hold the daemon to it."""
    print(f"{flood_of}: {seen}")
    assert max(worked for _, worked in seen.statuses) < MOST_WORK
    assert max(worked for _, worked in seen.questions) < MOST_WORK
    assert not IS_SOAK or max(took for took, _ in seen.statuses) < STATUS_SECONDS
    assert not IS_SOAK or max(took for took, _ in seen.questions) < GUEST_SECONDS


SPARE = 32 << 20
"""Bytes that a daemon may have beside what it has; it took 500 MB."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_holds_up_nobody_else_and_leaves_no_trace(tmp_path: Path, kind: str) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon:
        look(daemon, Seen(), seconds=0.3)
        pid, seen = daemon.process.pid, Seen()
        seen.before = memory_of(pid)
        with flood(kind, daemon.port, seconds=SECONDS):
            look(daemon, seen, seconds=SECONDS)
        look(daemon, Seen(), seconds=0.3)
        seen.after = memory_of(pid)
        check(seen, kind)
        assert seen.highest < 1.5 * seen.before
        assert seen.after < MEMORY * seen.before


def test_requests_ahead_do_not_end_a_daemon_with_little_memory(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon:
        ask_status(daemon)
        status = Path(f"/proc/{daemon.process.pid}/status").read_text()
        size = int(status.partition("VmSize:")[2].split()[0]) * 1024
        resource.prlimit(daemon.process.pid, resource.RLIMIT_AS, (size + SPARE, size + SPARE))
        with flood("pipelined", daemon.port, seconds=SECONDS):
            look(daemon, Seen(), seconds=SECONDS)
        assert daemon.process.poll() is None
        assert "MemoryError" not in daemon.log.read_text()


def test_one_flood_after_the_other_leaves_nobody_unanswered(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon:
        for kind in KINDS:
            with flood(kind, daemon.port, seconds=60, processes=1):
                ask_status(daemon)
                ask_question(daemon)


def test_followers_from_the_first_event_hold_up_nobody(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon, session(daemon) as ask:
        for _ in range(short_or_long(500, 3000)):
            lease = ask("POST", "/allocate", {"service_type": "load"})
            ask("DELETE", f"/allocate/{lease['lock_id']}", None)
        with running(FOLLOWERS, daemon.facts["socket"], "190"):
            seen = Seen()
            look(daemon, seen, seconds=SECONDS)
        check(seen, "followers")


def test_a_flood_of_reports_holds_up_nobody(tmp_path: Path) -> None:
    with Daemon(make_home(tmp_path / "home")) as daemon:
        note_socket = Path(daemon.facts["line_socket"]).with_name(NOTE_SOCKET)
        with running(NOTES, str(note_socket)):
            seen = Seen()
            look(daemon, seen, seconds=SECONDS)
        check(seen, "reports")
