"""The way to a daemon, against daemons that answer, refuse, keep silent, or are none."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.adapters.portable.peers import peer_of
from styxy.client.daemon.connection import Connection, read_record
from styxy.core.errors import BodyTooLarge, DaemonUnreachable, RangeExhausted
from tests.commands import CommandLine
from tests.fakes import FakeDaemon, clean_environment, http_answer


def connection_to(path: Path, *, patience: float = 5.0) -> Connection:
    env = clean_environment(STYXY_SOCKET=str(path))
    return Connection(Paths(env), answer_patience=patience)


def connection_by_record(home: Path) -> Connection:
    env = clean_environment(STYXY_HOME=str(home))
    return Connection(Paths(env))


def test_a_question_goes_out_and_its_answer_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with FakeDaemon(path, lambda *_: (200, {"port": 3000})) as daemon:
        answer = connection_to(path).ask("POST", "/allocate", {"service_type": "dev"})
    assert answer.data == {"port": 3000}
    assert json.loads(answer.raw) == answer.data
    assert daemon.asked == [("POST", "/allocate", {"service_type": "dev"})]


def test_a_refusal_is_raised_as_the_class_that_the_daemon_meant(tmp_path: Path) -> None:
    refusal = {
        "success": False,
        "error": "dev 3000-3099 is full",
        "code": "range_exhausted",
        "context": {"suggestions": ["styxy cleanup"]},
    }
    with (
        FakeDaemon(tmp_path / "s", lambda *_: (409, refusal)),
        pytest.raises(RangeExhausted, match="is full") as caught,
    ):
        connection_to(tmp_path / "s").ask("POST", "/allocate", {})
    assert caught.value.context["suggestions"] == ["styxy cleanup"]


def test_a_daemon_that_keeps_silent_costs_no_more_than_the_patience(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path / "s", lambda *_: None):
        began = time.monotonic()
        with pytest.raises(DaemonUnreachable, match=r"not answered for 0\.1 s"):
            connection_to(tmp_path / "s", patience=0.1).ask("GET", "/status")
        assert time.monotonic() - began < 2


def test_a_full_backlog_is_a_sick_daemon_and_not_an_absent_one(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(str(tmp_path / "s"))
            with pytest.raises(DaemonUnreachable, match="has not answered"):
                connection_to(tmp_path / "s").ask("GET", "/status")


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"",
        http_answer(200, {})[:-1],
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe",
    ],
)
def test_nonsense_is_one_sentence_with_a_next_step(tmp_path: Path, data: bytes) -> None:
    with (
        FakeDaemon(tmp_path / "s", lambda *_: data),
        pytest.raises(DaemonUnreachable, match=r"not answer like Styxy.*styxy daemon restart"),
    ):
        connection_to(tmp_path / "s").ask("GET", "/status")


@pytest.mark.parametrize("size", [100_000, 4_000_000])
def test_a_request_that_is_too_long_is_called_that(running: CommandLine, size: int) -> None:
    with pytest.raises(BodyTooLarge, match=r"; send less$"):
        Connection(Paths(running.env)).ask("POST", "/allocate", {"service_type": "x" * size})


def test_a_daemon_is_found_by_the_file_in_its_home(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere"
    (tmp_path / "daemon.json").write_text(json.dumps({"pid": 1, "socket": str(path)}))
    with FakeDaemon(path, lambda *_: (200, {"status": "ok"})):
        assert connection_by_record(tmp_path).ask("GET", "/status").data == {"status": "ok"}


@pytest.mark.parametrize(
    "content",
    [None, "", "{", "[]", "{}", '{"socket": 7}', '{"socket": "/nowhere/s"}'],
)
def test_without_a_daemon_the_sentence_says_how_to_start_one(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "daemon.json").write_text(content)
    with pytest.raises(DaemonUnreachable, match="styxy daemon start -d") as caught:
        connection_by_record(tmp_path).ask("GET", "/status")
    assert caught.value.exit_code == 3


def test_a_socket_that_nobody_listens_on_is_no_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    assert connection_to(tmp_path / "s").try_connect() is None


def test_a_socket_variable_that_hides_the_daemon_of_the_home_is_named(tmp_path: Path) -> None:
    env = clean_environment(STYXY_HOME=str(tmp_path), STYXY_SOCKET="/nowhere/s")
    connection = Connection(Paths(env), starter=lambda _: pytest.fail("a second one was started"))
    (tmp_path / "daemon.json").write_text(json.dumps({"pid": 4, "socket": f"{tmp_path}/s"}))
    with FakeDaemon(tmp_path / "s", lambda *_: (200, {})) as daemon:
        with pytest.raises(DaemonUnreachable) as caught:
            connection.ask("GET", "/status")
    assert daemon.asked == []
    assert caught.value.message == (
        "nothing is listening on STYXY_SOCKET=/nowhere/s; the daemon of "
        f"{tmp_path} listens on {tmp_path}/s: unset STYXY_SOCKET"
    )


def test_the_kernel_names_who_listens(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path / "s", lambda *_: None):
        link = connection_to(tmp_path / "s").try_connect()
        assert link is not None
        assert peer_of(link) == (os.getpid(), os.getuid(), os.getgid())
        link.close()


def test_a_record_tells_what_it_can_and_nothing_wrong(tmp_path: Path) -> None:
    content = {"pid": "12", "port": 9876, "socket": "", "started_at": None}
    (tmp_path / "daemon.json").write_text(json.dumps(content))
    record = read_record(Paths({"STYXY_HOME": str(tmp_path)}))
    assert record is not None
    assert (record.pid, record.port, record.socket, record.started_at) == (None, 9876, None, None)
