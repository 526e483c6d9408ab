"""`styxy run`: the program has its own status, signals, streams and environment."""

from __future__ import annotations

import errno
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.programs.catalogue import program
from tests.programs.conflicts import stranger
from tests.programs.installation import Installation, under_styxy
from tests.programs.program import API
from tests.programs.program_list import ProgramList
from tests.programs.running import PATIENCE, running
from tests.programs.terminal import INTERRUPT, at_terminal, terminal
from tests.programs.test_conflicts import notice, wait_moved

pytestmark = pytest.mark.real

BIND_ONCE = """
import socket, sys
with socket.socket() as server:
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen()
    print("bound", server.getsockname()[1])
"""

# The signal may come while the first line is still being printed: print is not reentrant.
HANDLED = """
import os, signal, sys, time
def handle(number, frame):
    os.write(1, b"handled %d\\n" % number)
    sys.exit(5)
signal.signal(signal.SIGTERM, handle)
os.write(1, b"ready\\n")
while True:
    time.sleep(60)
"""

INTERRUPTED = """
import time
try:
    print("ready", flush=True)
    while True:
        time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise SystemExit(6)
"""


def bind_once(port: int) -> list[str]:
    """Spell a program that listens on one port, says which, and ends."""
    return [sys.executable, "-c", BIND_ONCE, str(port)]


def run(
    installation: Installation,
    words: Sequence[str | Path],
    *,
    cwd: Path,
    styxy: bool = True,
    **env: str,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, under Styxy or without."""
    installation.wait_awake()
    return subprocess.run(
        under_styxy(words) if styxy else words,
        cwd=cwd, env=installation.env | env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip


def notice_in(text: str, asked: int) -> int:
    """Read the one notice that a text is; gives the new port."""
    found = re.fullmatch(notice(asked, r"(\d+)") + "\n", text)
    assert found, text
    return int(found[1])


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9), ("kill -15 $$", -15)]
)
def test_the_exit_status_is_the_programs_own(
    script: str, status: int, installation: Installation, ours: Path
) -> None:
    done = run(installation, ["sh", "-c", script], cwd=ours)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_a_signal_to_styxy_reaches_the_programs_own_handler(
    installation: Installation, ours: Path
) -> None:
    with installation.run([sys.executable, "-c", HANDLED], cwd=ours) as subject:
        subject.wait_line("ready", stream="stdout")
        subject.signal(signal.SIGTERM)
        assert subject.wait() == 5
        assert subject.stdout == f"ready\nhandled {signal.SIGTERM.value}\n"
        assert subject.stderr == ""


def test_an_interrupt_from_the_terminal_is_the_programs_own(
    installation: Installation, ours: Path
) -> None:
    with terminal() as screen:
        words = at_terminal(under_styxy([sys.executable, "-c", INTERRUPTED]))
        own = screen.theirs
        with running(words, cwd=ours, env=installation.env, stdin=own, terminal=own) as subject:
            screen.hang_up()
            screen.wait_text("ready")
            screen.type(INTERRUPT)
            assert subject.wait() == 6
            assert subject.stderr == ""
            assert [line for line in screen.lines if "interrupted" in line]


def test_a_pipe_gets_the_programs_bytes_and_nothing_else(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    with stranger("127.0.0.1", API, project=theirs) as taken:
        done = run(installation, bind_once(taken.port), cwd=ours)
        assert done.returncode == 0
        assert done.stdout == f"bound {notice_in(done.stderr, taken.port)}\n"


def test_a_terminal_gets_the_notice_on_standard_output(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    with stranger("127.0.0.1", API, project=theirs) as taken, terminal() as screen:
        with installation.run(bind_once(taken.port), cwd=ours, terminal=screen.theirs) as subject:
            screen.hang_up()
            assert subject.wait() == 0
            assert subject.stderr == ""
            notice, said = screen.lines
            assert said == f"bound {notice_in(notice + chr(10), taken.port)}"


@pytest.mark.parametrize(
    ("value", "shown_on"),
    [("stdout", "stdout"), ("stderr", "stderr"), ("auto", "stderr"), ("off", None)],
)
def test_the_notice_goes_where_the_user_says(
    value: str, shown_on: str | None, installation: Installation, ours: Path, theirs: Path
) -> None:
    before = len(installation.logged())
    with stranger("127.0.0.1", API, project=theirs) as taken:
        done = run(installation, bind_once(taken.port), cwd=ours, STYXY_NOTIFY=value)
        assert done.returncode == 0
        said = re.search(r"^bound (\d+)\n", done.stdout, re.MULTILINE)
        assert said
        expected = notice(taken.port, said[1]) + "\n"
        # Python writes its own line at its end, so the notice comes first.
        assert done.stdout == (expected if shown_on == "stdout" else "") + said[0]
        assert done.stderr == (expected if shown_on == "stderr" else "")
        assert len(installation.logged()) == before + 1


def test_interception_can_be_switched_off(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    with stranger("127.0.0.1", API, project=theirs) as taken:
        words = bind_once(taken.port)
        plain = run(installation, words, cwd=ours, styxy=False)
        guest = run(installation, words, cwd=ours, STYXY_DISABLE_REASSIGN="1")
    assert f"[Errno {errno.EADDRINUSE}]" in plain.stderr
    assert (guest.returncode, guest.stdout, guest.stderr) == (
        plain.returncode,
        plain.stdout,
        plain.stderr,
    )


def test_the_log_can_be_named(installation: Installation, ours: Path, theirs: Path) -> None:
    own_log = ours / "moves.log"
    before = len(installation.logged())
    with stranger("127.0.0.1", API, project=theirs) as taken:
        done = run(
            installation, bind_once(taken.port), cwd=ours, STYXY_REASSIGNMENT_LOG=str(own_log)
        )
        got = notice_in(done.stderr, taken.port)
    [entry] = installation.logged(own_log)
    assert (int(entry["asked"]), int(entry["got"]), entry["service"]) == (taken.port, got, "api")
    assert own_log.stat().st_mode & 0o777 == 0o600
    assert len(installation.logged()) == before


def test_the_service_type_can_be_said(installation: Installation, ours: Path, theirs: Path) -> None:
    with stranger("127.0.0.1", API, project=theirs) as taken:
        done = run(installation, bind_once(taken.port), cwd=ours, STYXY_SERVICE_TYPE="docs")
        assert notice_in(done.stderr, taken.port) in range(4100, 4200)


def test_another_preloaded_library_is_kept(installation: Installation, ours: Path) -> None:
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler here")
    other = ours / "other.so"
    command = ["cc", "-shared", "-fPIC", "-o", str(other), "-x", "c", "/dev/null"]
    subprocess.run(command, check=True, timeout=PATIENCE)
    done = run(
        installation, ["sh", "-c", 'printf "%s" "$LD_PRELOAD"'], cwd=ours, LD_PRELOAD=str(other)
    )
    assert done.stdout.split(":") == [str(other), installation.library()]


def test_styxy_under_styxy_is_styxy_once(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    done = run(installation, under_styxy(["sh", "-c", 'printf "%s" "$LD_PRELOAD"']), cwd=ours)
    assert done.stdout == installation.library()
    with stranger("127.0.0.1", API, project=theirs) as taken:
        done = run(installation, under_styxy(bind_once(taken.port)), cwd=ours)
        assert done.stdout == f"bound {notice_in(done.stderr, taken.port)}\n"


def test_a_static_server_is_reached_in_a_shell_that_was_started_activated(
    installation: Installation, ours: Path, theirs: Path, program_list: ProgramList
) -> None:
    subject = program("busybox httpd")
    program_list.require(subject)
    subject.settle_in(ours, "typed at a prompt")
    env = installation.guest_env(STYXY_STATIC="supervise")
    with stranger("::", subject.ports, project=theirs) as taken:
        words = ["sh", "-c", f"{shlex.join(subject.command(taken.port))}\nexit"]
        installation.wait_awake()
        with running(words, cwd=ours, env=env) as server:
            subject.assert_answers(wait_moved(server, taken.port), "typed at a prompt")


def test_a_server_under_a_shell_script_is_reached(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    subject = program("http.server")
    subject.settle_in(ours, "from a script")
    with stranger("::", subject.ports, project=theirs) as taken:
        script = ours / "dev.sh"
        script.write_text(f"#!/bin/sh\n{' '.join(subject.command(taken.port))}\nexit 0\n")
        script.chmod(0o755)
        with installation.run(["./dev.sh"], cwd=ours) as server:
            subject.assert_answers(wait_moved(server, taken.port), "from a script")
