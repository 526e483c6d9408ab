"""What a daemon learns from a program that was moved, and for how long it knows.

Also tests the routes of `programs`.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from styxy.adapters.paths import NOTE_SOCKET
from tests.daemon import Daemon, wait_until

PROBER = """
import os, re, signal, socket, sys
line, notes, asked, how = sys.argv[1:]
image = os.urandom(8).hex()
ask = socket.socket(socket.AF_UNIX)
ask.connect(line)
line = "styxy/1 bind tcp 4 %s 127.0.0.1 inuse 0 %s default - /p\\n" % (asked, image)
ask.sendall(line.encode())
said = ask.recv(8192).decode()
moved = re.match(r"styxy/1 move (\\d+) ", said)
if how == "what is said":
    print(said.partition("\\n")[2], file=sys.stderr)
    sys.exit(0)
if moved is None:
    sys.exit(said)
tell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
if how != "without a look":
    tell.sendto(("styxy/1 name %s %s" % (moved[1], image)).encode(), notes)
if how == "a signal":
    os.kill(os.getpid(), signal.SIGKILL)
if how == "a server":
    server = socket.create_server(("127.0.0.1", int(moved[1])))
    with socket.create_connection(("127.0.0.1", int(moved[1]))), server.accept()[0]:
        sys.exit(1)
sys.exit(0 if how == "success" else 1)
"""
"""What a program and its library do where a bind of it is moved."""


class Prober:
    """A program that is moved from a taken port, as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        self.script = folder / "start.py"
        self.script.write_text(PROBER)

    def run(self, daemon: Daemon, how: str = "failure") -> str:
        """Run it to its end; gives what it complained of."""
        line = Path(daemon.facts["line_socket"])
        with socket.create_server(("127.0.0.1", 0)) as taken:
            asked = str(taken.getsockname()[1])
            words = [str(line), str(line.with_name(NOTE_SOCKET)), asked, how]
            done = subprocess.run(
                [sys.executable, self.script, *words], capture_output=True, text=True, timeout=60
            )
        wait_until(lambda: not daemon.leases())
        return done.stderr

    def known(self, daemon: Daemon) -> list[dict[str, object]]:
        """Ask what was learned of it."""
        programs = daemon.call("GET", "/programs").body["programs"]
        return [each for each in programs if each["script"] == str(self.script)]


@pytest.fixture
def prober(tmp_path: Path) -> Prober:
    return Prober(tmp_path.resolve())


def test_what_was_learned_is_known_after_a_crash_and_can_be_forgotten(
    fresh: Daemon, prober: Prober
) -> None:
    for _ in range(2):
        assert prober.run(fresh) == ""
    wait_until(lambda: len(prober.known(fresh)) == 1 and fresh_conduct(fresh, prober) == "steered")
    [learned] = prober.known(fresh)
    assert learned["program"] == "start"
    assert [each["sign"] for each in learned["evidence"]] == ["exited"] * 2  # type: ignore[attr-defined]
    fresh.kill()
    fresh.start()
    assert prober.known(fresh) == [learned]
    assert prober.run(fresh) == "styxy/1 taken\n\n"
    wait_until(lambda: fresh_conduct(fresh, prober) == "moved")
    assert prober.run(fresh, "what is said").startswith("styxy/1 why probes python")
    assert fresh.call("DELETE", "/programs?name=start").body["message"] == (
        "forgot what was learned of start"
    )
    assert prober.known(fresh) == []
    assert fresh.call("DELETE", "/programs?name=start").body["programs"] == []


def fresh_conduct(daemon: Daemon, prober: Prober) -> object:
    """Ask how a program is treated."""
    return next((each["conduct"] for each in prober.known(daemon)), "unknown")


@pytest.mark.parametrize("how", ["success", "a signal", "without a look", "a server"])
def test_nothing_else_is_evidence(daemon: Daemon, prober: Prober, how: str) -> None:
    prober.run(daemon, how)
    prober.run(daemon)  # what came before was judged before this is
    wait_until(lambda: len(prober.known(daemon)) == 1)
    [known] = prober.known(daemon)
    assert len(known["evidence"]) == 1  # type: ignore[arg-type]
