"""`styxy hook`, the hook in Python: the same as `styxy-hook`, and it can start the daemon.

What is not repeated here is in tests/native/hook, whose daemons these tests share.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import styxy as package
from tests.commands import COMMAND, CommandLine
from tests.native.hook.calling import (
    LONGEST,
    Behaviour,
    Peer,
    assert_silent,
    begin,
    call,
    file_with,
    reply,
    say,
    silence,
    until_answered,
)

PYTHON = (*COMMAND, "hook")
ANSWER = '{"decision":"deny","reason":"grüße"}'.encode()
GOOD = reply(ANSWER)
SOURCES = str(Path(package.__file__).parent.parent)


def hook(
    home: Path, event: str = "PreToolUse", payload: bytes = b"{}", **more: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the hook of one event to its end."""
    more = {"PYTHONPATH": SOURCES, **more}
    return call(home, event, payload, program=PYTHON, **more)


@pytest.mark.parametrize("body", [ANSWER, b"\0\r\n\r\n\xff", b"x" * 1024 * 1024], ids=len)
def test_the_answer_is_printed_as_it_is(tmp_path: Path, body: bytes) -> None:
    with Peer(tmp_path, say(reply(body))):
        assert until_answered(lambda: hook(tmp_path, "SessionStart")) == body


def test_a_usual_event_is_answered_too(tmp_path: Path) -> None:
    with Peer(tmp_path, say(GOOD)):
        assert until_answered(lambda: hook(tmp_path)) == ANSWER


def test_the_daemon_gets_what_the_program_in_c_sends(tmp_path: Path) -> None:
    payload = b"\xef\xbb\xbf" + b"{}" * 100_000
    with Peer(tmp_path, say(GOOD)) as peer:
        until_answered(lambda: hook(tmp_path, "session.created", payload))
        until_answered(lambda: call(tmp_path, "session.created", payload))
    assert peer.requests[0] == peer.requests[-1]
    assert peer.requests[0].startswith(b"POST /hooks/claude/session.created HTTP/1.1\r\n")


def test_the_variable_comes_before_the_home(tmp_path: Path) -> None:
    with Peer(tmp_path / "a", say(GOOD)) as a, Peer(tmp_path / "b", silence):
        asked = lambda: hook(tmp_path / "b", "SessionStart", STYXY_SOCKET=str(a.socket))  # noqa: E731
        assert until_answered(asked) == ANSWER


SICK: dict[str, Behaviour] = {
    "another status": say(reply(b"no", "404 Not Found")),
    "nonsense": say(b"styxy/1 keep\n"),
    "nothing": say(b""),
    "half a body": say(GOOD[:-1]),
    "no length": say(b"HTTP/1.1 200 OK\r\n\r\n{}"),
    "chunks": say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    "a huge body": say(reply(b"x" * (1024 * 1024 + 1))),
    "never an answer": silence,
    "never the rest": begin(GOOD[:-3]),
}


@pytest.mark.parametrize("behaviour", SICK.values(), ids=SICK)
def test_a_sick_daemon_has_nothing_to_say(tmp_path: Path, behaviour: Behaviour) -> None:
    with Peer(tmp_path, behaviour):
        assert_silent(hook(tmp_path))


def test_who_never_reads_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        for event in ("PreToolUse", "SessionStart"):
            payload = b"x" * 4_000_000
            assert_silent(hook(tmp_path, event, payload, STYXY_SOCKET=str(tmp_path / "s")))


# --- streams ---------------------------------------------------------------------------------


def shell(line: str, home: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the hook as the shell line wants it, "$@" being its words."""
    words = ["/bin/sh", "-c", line, "sh", *PYTHON, "claude", "PreToolUse"]
    env = {"STYXY_HOME": str(home), "PYTHONPATH": SOURCES}
    return subprocess.run(
        words, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=LONGEST
    )


@pytest.mark.parametrize("stdin", ["<&-", "</dev/null", "</dev/zero", "<&- >&-", "<&- 2>&-"])
def test_without_a_payload_nothing_is_asked(tmp_path: Path, stdin: str) -> None:
    with Peer(tmp_path, say(GOOD)) as peer:
        assert_silent(shell(f'"$@" {stdin}', tmp_path))
        assert peer.requests == []


def test_an_input_without_an_end_is_not_waited_for(tmp_path: Path) -> None:
    for descriptors in (os.pipe(), os.openpty()[::-1]):
        ours, theirs = descriptors
        with Peer(tmp_path / str(ours), say(GOOD)) as peer:
            env = {"STYXY_HOME": str(peer.home), "PYTHONPATH": SOURCES}
            words = [*PYTHON, "claude", "PreToolUse"]
            done = subprocess.run(words, env=env, stdin=ours, capture_output=True, timeout=LONGEST)
            assert_silent(done)
            assert peer.requests == []
        os.close(ours)
        os.close(theirs)


def test_an_output_that_is_closed_or_full_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "payload").write_text("{}")
    with Peer(tmp_path, say(GOOD)):
        assert_silent(shell(f'"$@" <{tmp_path}/payload >&-', tmp_path))
        assert_silent(shell(f'"$@" <{tmp_path}/payload >/dev/full', tmp_path))


def test_an_output_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    stdin = file_with(b"{}", tmp_path / "payload")
    ours, theirs = os.pipe()
    env = {"STYXY_HOME": str(tmp_path), "PYTHONPATH": SOURCES}
    words = [*PYTHON, "claude", "SessionStart"]
    with Peer(tmp_path, say(reply(b"x" * 1_000_000))):
        for _ in range(2):
            process = subprocess.Popen(words, env=env, stdin=stdin, stdout=theirs)
            assert process.wait(LONGEST) == 0
            os.lseek(stdin, 0, os.SEEK_SET)
            if ours >= 0:  # the second time it is a pipe whose reader is gone
                os.close(ours)
                ours = -1
    os.close(theirs)
    os.close(stdin)


@pytest.mark.parametrize("words", [[], ["claude"], ["claude", "a", "b"], ["claude", "../x"],
                                   ["--json", "x"], ["claude", ""]])  # fmt: skip
def test_wrong_words_are_no_failure(styxy: CommandLine, words: list[str]) -> None:
    """An agent takes the exit status of a usage error for a refusal."""
    done = styxy.run("hook", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- with a daemon, and without ----------------------------------------------------------------


def test_a_daemon_that_knows_no_such_hook_has_nothing_to_say(running: CommandLine) -> None:
    assert_silent(in_home(running, "NoSuchEvent"))


def test_a_stopped_daemon_is_not_waited_for(running: CommandLine) -> None:
    pid = running.daemon_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    for event in ("PreToolUse", "SessionStart"):
        assert_silent(in_home(running, event))
        assert_silent(call(running.home, event))


def test_a_usual_event_starts_no_daemon(styxy: CommandLine) -> None:
    assert_silent(in_home(styxy, "PreToolUse"))
    assert not styxy.home.exists()


def test_a_session_starts_the_daemon(styxy: CommandLine) -> None:
    """It may be slower than a second; then it goes on by itself."""
    done = in_home(styxy, "SessionStart")
    assert (done.returncode, done.stderr) == (0, b"")
    assert styxy.run("daemon", "start", "-d").returncode == 0  # waits for the one that starts
    pid = styxy.daemon_pid()
    assert_silent(in_home(styxy, "PreToolUse"))
    assert styxy.daemon_pid() == pid


def test_a_second_daemon_is_not_started(running: CommandLine, tmp_path: Path) -> None:
    """Where the variable leads nowhere, but the home has a daemon."""
    pid = running.daemon_pid()
    assert_silent(in_home(running, "SessionStart", STYXY_SOCKET=str(tmp_path / "nowhere")))
    assert running.daemon_pid() == pid


def test_a_daemon_that_cannot_start_is_no_failure(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("something is in the way")
    assert_silent(hook(home, "SessionStart"))
    assert_silent(hook(home, "SessionStart", STYXY_HOME="", HOME=str(home)))


def in_home(styxy: CommandLine, event: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run a hook where a command line has its home, and where its daemon's port is known."""
    return hook(styxy.home, event, b"{}", STYXY_DAEMON_PORT=str(styxy.port), **more)


LOADED = """
import sys
before = set(sys.modules)
from styxy.client.cli.main import main
main(sys.argv[1:])
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""

HEAVY = {"argparse", "asyncio", "dataclasses", "datetime", "gettext", "inspect", "logging",
         "msgspec", "pathlib", "shutil", "signal", "socket", "subprocess", "tempfile", "threading",
         "traceback", "typing", "urllib"}  # fmt: skip


def test_it_imports_nothing_heavy(tmp_path: Path) -> None:
    """Start-up is most of what it costs, at each event of an agent."""
    env = {"STYXY_HOME": str(tmp_path), "PYTHONPATH": SOURCES}
    words = [sys.executable, "-c", LOADED, "hook", "claude", "PreToolUse"]
    with Peer(tmp_path, say(GOOD)):
        done = subprocess.run(words, env=env, input="{}", capture_output=True, text=True,
                              timeout=LONGEST, check=True)  # fmt: skip
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "styxy" in loaded
    assert loaded & HEAVY == set()
    assert "styxy.client.cli.command" not in done.stderr.split()


def test_a_payload_that_a_person_pipes_is_json_like_any_other(tmp_path: Path) -> None:
    payload = json.dumps({"tool_name": "Bash", "tool_input": {"command": "ls"}}).encode()
    with Peer(tmp_path, say(GOOD)) as peer:
        until_answered(lambda: hook(tmp_path, payload=payload))
    assert peer.requests[-1].endswith(b"\r\n\r\n" + payload)
