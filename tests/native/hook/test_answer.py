"""What reaches the daemon and what reaches the agent, when all is well."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.native.guest import library
from tests.native.hook.calling import (
    LONGEST,
    Peer,
    answer_of,
    assert_silent,
    call,
    environment,
    file_with,
    hook,
    reply,
    say,
    silence,
    started,
    until_answered,
)

ANSWER = '{"decision":"deny","reason":"grüße"}'.encode()
LONGEST_PAYLOAD = 4 * 1024 * 1024
LONGEST_ANSWER = 1024 * 1024


@pytest.mark.parametrize("body", [ANSWER, b"\0\r\n\r\n\xff", b"\n", b"x" * LONGEST_ANSWER], ids=len)
def test_the_answer_is_printed_as_it_is(tmp_path: Path, body: bytes) -> None:
    with Peer(tmp_path, say(reply(body))):
        assert answer_of(tmp_path) == body


def test_an_answer_in_pieces_is_one_answer(tmp_path: Path) -> None:
    whole = reply(ANSWER)
    with Peer(tmp_path, say(*(whole[at : at + 1] for at in range(len(whole))))):
        assert answer_of(tmp_path) == ANSWER


def test_nothing_to_say_is_nothing_printed(tmp_path: Path) -> None:
    with Peer(tmp_path, say(reply(b""))):
        assert_silent(call(tmp_path))


def test_an_answer_is_not_waited_for_beyond_its_length(tmp_path: Path) -> None:
    def answer_and_stay(connection: socket.socket, request: bytes) -> None:
        del request
        connection.sendall(reply(ANSWER))

    with Peer(tmp_path, answer_and_stay):
        assert answer_of(tmp_path) == ANSWER


@pytest.mark.parametrize("payload", [b"{}", b"\xef\xbb\xbf{}\n", b"\0" * 100, b"x" * 200_000],
                         ids=len)  # fmt: skip
def test_the_daemon_gets_the_payload_as_it_came(tmp_path: Path, payload: bytes) -> None:
    with Peer(tmp_path, say(reply(ANSWER))) as peer:
        answer_of(tmp_path, "session.created", payload)
    head, _, body = peer.requests[-1].partition(b"\r\n\r\n")
    assert body == payload
    request, *fields = head.decode().split("\r\n")
    assert request == "POST /hooks/claude/session.created HTTP/1.1"
    assert fields == [
        "Host: localhost",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(payload)}",
    ]


def test_a_payload_has_at_most_four_mebibytes(tmp_path: Path) -> None:
    with Peer(tmp_path, say(reply(ANSWER))) as peer:
        assert answer_of(tmp_path, payload=b"x" * LONGEST_PAYLOAD) == ANSWER
        peer.requests.clear()
        assert_silent(call(tmp_path, payload=b"x" * (LONGEST_PAYLOAD + 1)))
        assert peer.requests == []


def test_a_usual_event_is_answered_too(tmp_path: Path) -> None:
    with Peer(tmp_path, say(reply(ANSWER))):
        assert answer_of(tmp_path, "PreToolUse") == ANSWER


def test_standard_output_may_be_a_socket(tmp_path: Path) -> None:
    """What Node gives its children, whose streams are no pipes."""

    def attempt() -> subprocess.CompletedProcess[bytes]:
        ours, theirs = socket.socketpair()
        with ours, ours.makefile("rb") as lines:
            stdin = file_with(b"{}", tmp_path / "payload")
            process = started(tmp_path, "SessionStart", stdin=stdin, stdout=theirs.fileno())
            theirs.close()
            os.close(stdin)
            said = lines.read()
            return subprocess.CompletedProcess((), process.wait(LONGEST), said, b"")

    with Peer(tmp_path, say(reply(ANSWER * 10_000))):
        assert until_answered(attempt) == ANSWER * 10_000


def test_standard_output_may_be_a_file(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def attempt() -> subprocess.CompletedProcess[bytes]:
        stdin = file_with(b"{}", tmp_path / "payload")
        with out.open("wb") as stdout:
            process = started(tmp_path, "SessionStart", stdin=stdin, stdout=stdout.fileno())
        os.close(stdin)
        return subprocess.CompletedProcess((), process.wait(LONGEST), out.read_bytes(), b"")

    with Peer(tmp_path, say(reply(ANSWER))):
        assert until_answered(attempt) == ANSWER


# --- where the daemon is ---------------------------------------------------------------------


def test_the_variable_comes_before_the_home(tmp_path: Path) -> None:
    with Peer(tmp_path / "a", say(reply(b"a"))) as a, Peer(tmp_path / "b", silence):
        for path in (str(a.socket), os.path.relpath(a.socket)):
            assert answer_of(tmp_path / "b", STYXY_SOCKET=path) == b"a"


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    with Peer(tmp_path, say(reply(ANSWER))):
        assert answer_of(tmp_path, STYXY_SOCKET="") == ANSWER


def test_the_home_may_be_relative_or_the_users(tmp_path: Path) -> None:
    with Peer(tmp_path / ".styxy", say(reply(ANSWER))):
        assert answer_of(Path(os.path.relpath(tmp_path / ".styxy"))) == ANSWER
        assert answer_of(tmp_path, STYXY_HOME="", HOME=str(tmp_path)) == ANSWER


def test_a_path_may_have_any_letters(tmp_path: Path) -> None:
    with Peer(tmp_path / "zu hause/grüße".replace("/", " "), say(reply(ANSWER))) as peer:
        assert answer_of(peer.home) == ANSWER


def test_under_interception_it_asks_for_no_port(tmp_path: Path) -> None:
    """An activated shell loads the library into every program, this one too."""

    def attempt() -> subprocess.CompletedProcess[bytes]:
        env = environment(tmp_path, LD_PRELOAD=str(library()))
        words = [str(hook(sanitize=False)), "claude", "SessionStart"]
        return subprocess.run(words, env=env, input=b"{}", capture_output=True, timeout=LONGEST)

    with Peer(tmp_path, say(reply(ANSWER))):
        assert until_answered(attempt) == ANSWER
