"""Signals that reach a daemon, as a user or a closed terminal sends them, and what it left."""

from __future__ import annotations

import os
import signal
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from styxy.adapters.journal.database import row_of
from styxy.core.books.events import Noted
from tests.daemon import LONGEST, Daemon, wait_until
from tests.fakes import clean_environment, free_port


def is_retired(path: str) -> bool:
    return bool(struct.unpack_from("@I", Path(path).read_bytes(), 24)[0])


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGALRM,
        signal.SIGRTMIN,
    ],
)
def test_a_clean_stop_leaves_what_lasts_and_nothing_else(fresh: Daemon, number: int) -> None:
    facts = fresh.facts
    assert fresh.stop(number) == 0
    assert not (fresh.home / "daemon.json").exists()
    assert not os.path.exists(facts["socket"])
    assert not os.path.exists(facts["line_socket"])
    assert is_retired(facts["map"])
    assert (fresh.home / "auth.token").exists()
    assert (fresh.home / "styxy.db").exists()
    assert not (fresh.home / "styxy.db-wal").exists()
    assert fresh.log.read_text().splitlines()[-1].endswith("stopped")


def test_a_hang_up_rereads_the_configuration(fresh: Daemon) -> None:
    (fresh.home / "config.json").write_text("{}")
    fresh.stop()
    fresh.start()
    said = "config.json was reloaded and is in force"
    before = fresh.log.read_text().count(said)
    fresh.process.send_signal(signal.SIGHUP)
    wait_until(lambda: fresh.log.read_text().count(said) > before)
    assert fresh.process.poll() is None


def test_a_closed_terminal_ends_a_daemon_in_the_foreground(fresh: Daemon) -> None:
    fresh.stop()
    terminal, own = os.openpty()
    command = [sys.executable, "-P", "-m", "styxy.server", "--port", str(free_port())]
    with subprocess.Popen(
        ["setsid", "--ctty", *command, "--ready-fd", "1"],
        stdin=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean_environment(STYXY_HOME=str(fresh.home)),
    ) as process:
        os.close(own)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.close(terminal)
        assert process.wait(LONGEST) == 0


def test_a_lease_that_only_the_last_map_shows_is_a_warning(fresh: Daemon) -> None:
    lease = fresh.allocate("build", pid=os.getpid())
    fresh.kill()
    noted = row_of(Noted(subject="test", message="an event in the place of another", at=0))
    with closing(sqlite3.connect(fresh.home / "styxy.db")) as database, database:
        change = "UPDATE events SET at = ?, kind = ?, data = ?, sum = ? WHERE kind = 'Leased'"
        assert database.execute(change, noted).rowcount == 1
    fresh.start()
    said = fresh.call("GET", "/health").body["parts"]["database"]
    assert said["state"] == "warning"
    assert f"that it lacks: 1 ({lease['port']}); allocate them again" in said["message"]
