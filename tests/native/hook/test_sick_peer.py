"""A daemon that is absent, stopped, slow or mad: the agent hears nothing, and soon."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.native.hook.calling import (
    LONGEST,
    Behaviour,
    Peer,
    assert_silent,
    begin,
    call,
    environment,
    file_with,
    hook,
    reply,
    say,
    silence,
)

EVENTS = ("PreToolUse", "SessionStart")

GOOD = reply(b'{"a":1}')

USELESS = {
    "another status": reply(b"no", "404 Not Found"),
    "a failure": reply(b"no", "500 Internal Server Error"),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a longer status": reply(b"no", "2000 OK"),
    "an older protocol": GOOD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "another protocol": b"styxy/1 keep\n",
    "zeroes": b"\0" * 5000,
    "nothing": b"",
    "half a status line": b"HTTP/1.1 20",
    "half a head": GOOD.partition(b"\r\n\r\n")[0],
    "half a body": GOOD[:-1],
    "more than a body": GOOD + b"}",
    "two answers": GOOD + GOOD,
    "no length": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "no head": b"HTTP/1.1 200 \r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}",
    "an empty length": b"HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
    "a length with a sign": b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n{}",
    "a hexadecimal length": b"HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\n{}",
    "a length that overflows": b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551618\r\n\r\n{}",
    "chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks with a length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n{}",
    "a header without a colon": b"HTTP/1.1 200 OK\r\nnonsense\r\ncontent-length: 2\r\n\r\n{}",
    "bare line feeds": b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
    "one long header": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
    "a huge body": reply(b"x" * (1024 * 1024 + 1)),
}


@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS)
def test_what_is_no_answer_is_not_printed(tmp_path: Path, answer: bytes) -> None:
    with Peer(tmp_path, say(answer)):
        assert_silent(call(tmp_path))


UNFINISHED = {
    "nothing": silence,
    "a part of the head": begin(GOOD[:30]),
    "a part of the body": begin(GOOD[:-3]),
    "the head of a huge body": begin(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n"),
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("behaviour", UNFINISHED.values(), ids=UNFINISHED)
def test_who_never_finishes_is_not_waited_for(
    tmp_path: Path, behaviour: Behaviour, event: str
) -> None:
    with Peer(tmp_path, behaviour):
        assert_silent(call(tmp_path, event))


@pytest.mark.parametrize("event", EVENTS)
def test_who_never_reads_is_not_waited_for(tmp_path: Path, event: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        done = call(tmp_path, event, b"x" * 4_000_000, STYXY_SOCKET=str(tmp_path / "s"))
        assert_silent(done)


@pytest.mark.parametrize("event", EVENTS)
def test_a_full_backlog_is_not_waited_for(tmp_path: Path, event: str) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        assert_silent(call(tmp_path, event, STYXY_SOCKET=path))


LISTEN = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
if sys.argv[2:]:
    os.setuid(int(sys.argv[2]))
listener.bind(sys.argv[1])
listener.listen()
print("ready", flush=True)
while True:
    link, _ = listener.accept()
    link.recv(65536)
    link.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\n{}")
    link.close()
"""


def listening(path: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a process that answers on a socket, and wait until it does."""
    command = [sys.executable, "-c", LISTEN, str(path), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize("event", EVENTS)
def test_a_stopped_daemon_is_not_waited_for(tmp_path: Path, event: str) -> None:
    with listening(tmp_path / "s") as process:
        try:
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            assert_silent(call(tmp_path, event, STYXY_SOCKET=str(tmp_path / "s")))
        finally:
            process.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_does_not_tell_our_agent_what_to_do(tmp_path: Path) -> None:
    place = tmp_path / "theirs"
    place.mkdir()
    os.chown(place, 65534, 65534)
    for each in (place, *place.parents[:-1]):
        each.chmod(each.stat().st_mode | 0o011)
    with listening(place / "s", "65534") as process:
        try:
            assert_silent(call(tmp_path, STYXY_SOCKET=str(place / "s")))
        finally:
            process.kill()


# --- nobody there ----------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS)
def test_no_home_is_no_daemon(tmp_path: Path, event: str) -> None:
    assert_silent(call(tmp_path / "nowhere", event))
    assert_silent(call(tmp_path, event, STYXY_HOME="", HOME=""))
    assert not (tmp_path / "nowhere").exists()


DAEMONFILES = {
    "empty": "",
    "no JSON": "socket=/tmp/s",
    "no object": '["socket", "/tmp/s"]',
    "half": '{"socket": "/tmp/',
    "no path": '{"socket": 7}',
    "a relative path": '{"socket": "styxy.sock"}',
    "an empty path": '{"socket": ""}',
    "an escape": '{"socket": "\\u002ftmp"}',
    "inside another": '{"a": {"socket": "/tmp/s"}}',
    "a path that is too long": f'{{"socket": "/{"x" * 200}"}}',
    "too long": '{"socket": "/tmp/s"' + " " * 70_000 + "}",
    "a stale path": '{"socket": "/nowhere/s"}',
}


@pytest.mark.parametrize("text", DAEMONFILES.values(), ids=DAEMONFILES)
def test_a_daemon_file_that_says_nothing_is_no_daemon(tmp_path: Path, text: str) -> None:
    (tmp_path / "daemon.json").write_text(text)
    assert_silent(call(tmp_path))


def test_what_is_no_file_is_no_daemon(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").mkdir()
    assert_silent(call(tmp_path))
    (tmp_path / "daemon.json").rmdir()
    os.mkfifo(tmp_path / "daemon.json")
    assert_silent(call(tmp_path))


def test_a_socket_that_nobody_listens_on_is_no_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
    assert_silent(call(tmp_path, STYXY_SOCKET=str(tmp_path / "s")))
    assert_silent(call(tmp_path, STYXY_SOCKET=str(tmp_path / "s" / "t")))
    assert_silent(call(tmp_path, STYXY_SOCKET="x" * 5000))


def test_who_hangs_up_in_the_middle_of_the_payload_is_no_daemon(tmp_path: Path) -> None:
    """The write fails, and no signal ends the hook."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        stdin = file_with(b"x" * 4_000_000, tmp_path / "payload")
        env = environment(tmp_path, STYXY_SOCKET=path)
        words = [str(hook()), "claude", "PreToolUse"]
        with subprocess.Popen(words, env=env, stdin=stdin, stdout=subprocess.PIPE) as process:
            listener.accept()[0].close()
            assert process.communicate(timeout=LONGEST)[0] == b""
            assert process.returncode == 0
        os.close(stdin)
