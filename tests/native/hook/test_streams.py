"""An agent that gives no payload, or takes no answer: the hook ends, and with 0."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from styxy import __version__
from tests.native.hook.calling import (
    LONGEST,
    Peer,
    assert_silent,
    call,
    environment,
    file_with,
    hook,
    reply,
    say,
    started,
)

ANSWER = b'{"a":1}'


def shell(line: str, home: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the hook as the shell line wants it, "$@" being its words."""
    command = ["/bin/sh", "-c", line, "sh", str(hook()), "claude", "PreToolUse"]
    return subprocess.run(
        command, env=environment(home), stdin=subprocess.DEVNULL, capture_output=True,
        timeout=LONGEST,
    )  # fmt: skip


@pytest.mark.parametrize("stdin", ["<&-", "</dev/null", "</", "</dev/zero", "<&- >&-", "<&- 2>&-"])
def test_without_a_payload_nothing_is_asked(tmp_path: Path, stdin: str) -> None:
    with Peer(tmp_path, say(reply(ANSWER))) as peer:
        assert_silent(shell(f'"$@" {stdin}', tmp_path))
        assert peer.requests == []


def test_a_terminal_is_not_read(tmp_path: Path) -> None:
    """Somebody tries it by hand, and must not have to type an end."""
    ours, theirs = os.openpty()
    with Peer(tmp_path, say(reply(ANSWER))) as peer:
        process = started(tmp_path, stdin=theirs)
        with process:
            assert process.wait(LONGEST) == 0
        assert peer.requests == []
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("written", [b"", b'{"half":'])
def test_an_input_without_an_end_is_not_waited_for(tmp_path: Path, written: bytes) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, written)
    with Peer(tmp_path, say(reply(ANSWER))) as peer, started(tmp_path, stdin=ours) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert process.wait(LONGEST) == 0
        assert peer.requests == []
    os.close(ours)
    os.close(theirs)


def test_a_closed_output_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "payload").write_text("{}")
    with Peer(tmp_path, say(reply(ANSWER))):
        assert_silent(shell(f'"$@" <{tmp_path}/payload >&-', tmp_path))
        assert_silent(shell(f'"$@" <{tmp_path}/payload >&- 2>&-', tmp_path))


def test_nothing_is_printed_to_the_daemon(tmp_path: Path) -> None:
    """Where standard output is closed, the next file that is opened has its number."""
    (tmp_path / "payload").write_text("{}")
    line = f'"$@" <{tmp_path}/payload >&-'.replace('"$@"', f"{hook()} claude SessionStart")
    with Peer(tmp_path, say(reply(ANSWER))) as peer:
        while not peer.requests:  # a busy machine may miss the deadline
            assert_silent(shell(line, tmp_path))
        assert all(each.endswith(b"\r\n\r\n{}") for each in peer.requests)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_an_output_that_nobody_reads_ends_nothing(tmp_path: Path, size: int) -> None:
    """The write fails with EPIPE, and no signal ends the hook."""
    stdin = file_with(b"{}", tmp_path / "payload")
    ours, theirs = os.pipe()
    os.close(ours)
    with Peer(tmp_path, say(reply(b"x" * size))):
        process = started(tmp_path, "SessionStart", stdin=stdin, stdout=theirs)
        assert process.wait(LONGEST) == 0
    os.close(theirs)
    os.close(stdin)


def test_an_output_that_is_full_is_not_waited_for(tmp_path: Path) -> None:
    stdin = file_with(b"{}", tmp_path / "payload")
    ours, theirs = os.pipe()
    with Peer(tmp_path, say(reply(b"x" * 1_000_000))):
        process = started(tmp_path, "SessionStart", stdin=stdin, stdout=theirs)
        assert process.wait(LONGEST) == 0
    assert os.get_blocking(theirs)  # the agent's own open file
    os.close(ours)
    os.close(theirs)
    os.close(stdin)


def test_a_full_disk_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "payload").write_text("{}")
    with Peer(tmp_path, say(reply(ANSWER))):
        assert_silent(shell(f'"$@" <{tmp_path}/payload >/dev/full', tmp_path))


WRONG = [
    [], ["claude"], ["claude", "PreToolUse", "more"], ["", "PreToolUse"], ["claude", ""],
    ["claude", "../ports"], ["claude", "a b"], ["claude", "a\r\nb"], ["claude", ".."],
    ["claude", "ä"], ["--frobnicate", "x"], ["claude", "x" * 65], ["claude/x", "y"],
    ["claude", "x?y=1"], ["claude", "%2e"],
]  # fmt: skip


@pytest.mark.parametrize("words", WRONG, ids=range(len(WRONG)))
def test_wrong_words_are_no_failure(tmp_path: Path, words: list[str]) -> None:
    with Peer(tmp_path, say(reply(ANSWER))) as peer:
        done = subprocess.run(
            [hook(), *words], env=environment(tmp_path), input=b"{}", capture_output=True,
            timeout=LONGEST,
        )  # fmt: skip
        assert_silent(done)
        assert peer.requests == []


def test_who_asks_is_told_what_it_is() -> None:
    def told(word: str) -> str:
        done = subprocess.run([hook(), word], capture_output=True, text=True, timeout=LONGEST)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert told("--help").startswith("usage: styxy-hook AGENT EVENT\n")
    assert told("--version") == f"styxy-hook {__version__}\n"


def test_an_interrupted_payload_is_silent_as_well(tmp_path: Path) -> None:
    """The agent dies while it writes: the end comes early, and the daemon judges what came."""
    with Peer(tmp_path, say(reply(b"", "400 Bad Request"))):
        assert_silent(call(tmp_path, payload=b'{"half":'))
