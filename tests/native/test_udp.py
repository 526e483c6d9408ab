"""UDP is moved where the port is taken or promised, and never where it is shared on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import (
    BINDER,
    NOTICE,
    FakeDaemon,
    bind_each,
    compiled,
    listener,
    move,
    receiver,
    run,
    say,
)


@pytest.mark.parametrize(("theirs", "ours"), [("127.0.0.1", "0.0.0.0"), ("::1", "::1")])
def test_a_taken_port_moves_a_socket(tmp_path: Path, theirs: str, ours: str) -> None:
    free = free_port()
    with receiver(theirs) as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = run([compiled(BINDER), f"{ours},{taken}"], daemon.environment(UDP="1"))
        [question], [note] = daemon.questions, daemon.notes()
    family = "6" if ":" in ours else "4"
    assert question[1:8] == ["bind", "udp", family, str(taken), ours, "inuse", "0"]
    assert note[1:6] == ["listen", "udp", family, str(free), ours]
    assert (done.stdout, done.stderr) == (f"{free}\n", NOTICE.format(taken, free))
    assert len((tmp_path / "reassignments.log").read_text().splitlines()) == 1


@pytest.mark.parametrize("ours", ["127.0.0.1", "0.0.0.0", "::1"])
def test_tcp_does_not_take_a_port_from_udp(tmp_path: Path, ours: str) -> None:
    with listener() as taken, FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        assert bind_each(daemon, f"{ours},{taken}", UDP="1") == [str(taken)]
        [note] = daemon.notes()
    assert daemon.questions == []
    assert note[1:5] == ["listen", "udp", "6" if ":" in ours else "4", str(taken)]


def test_the_other_family_is_no_conflict(tmp_path: Path) -> None:
    with receiver("::1") as taken, FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        assert bind_each(daemon, f"127.0.0.1,{taken}", UDP="1") == [str(taken)]
    assert daemon.questions == []


def test_a_promised_port_moves_a_socket(tmp_path: Path) -> None:
    promised, free = free_port(), free_port()
    with FakeDaemon(tmp_path, say(move(free))) as daemon:
        daemon.promise(promised, "project:/somewhere/else")
        assert bind_each(daemon, f"127.0.0.1,{promised}", UDP="1") == [str(free)]
    assert [question[6] for question in daemon.questions] == ["promised"]


@pytest.mark.parametrize("sharing", ["reuse", "reuseport", "group"])
@pytest.mark.parametrize("ours", ["127.0.0.1", "::1"])
def test_a_socket_that_shares_its_port_on_purpose_stays(
    tmp_path: Path, sharing: str, ours: str
) -> None:
    promised = free_port()
    with receiver(ours) as taken, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        daemon.promise(promised, "project:/somewhere/else")
        binds = [f"{ours},{taken},{sharing}", f"{ours},{promised},{sharing}"]
        assert bind_each(daemon, *binds, UDP="1") == ["EADDRINUSE", str(promised)]
    assert daemon.questions == []


def test_a_multicast_address_stays(tmp_path: Path) -> None:
    with receiver("0.0.0.0") as taken, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        assert bind_each(daemon, f"224.0.0.251,{taken}", UDP="1") == ["EADDRINUSE"]
    assert daemon.questions == []


def test_both_families_of_one_server_land_on_one_port(tmp_path: Path) -> None:
    free = free_port()
    answers = say(move(free), move(free, told="same"))
    with receiver() as taken, FakeDaemon(tmp_path, answers) as daemon:
        binds = [f"127.0.0.1,{taken}", f"::1,{taken}"]
        done = run([compiled(BINDER), *binds], daemon.environment(UDP="1"))
    assert [question[6] for question in daemon.questions] == ["inuse", "placed"]
    assert (done.stdout, done.stderr) == (f"{free}\n" * 2, NOTICE.format(taken, free))


@pytest.mark.parametrize("answer", ["styxy/1 keep", "styxy/1 error no", "x"])
def test_without_a_place_the_first_result_stands(tmp_path: Path, answer: str) -> None:
    promised = free_port()
    with receiver() as taken, FakeDaemon(tmp_path, say(answer)) as daemon:
        daemon.promise(promised, "project:/somewhere/else")
        binds = [f"127.0.0.1,{taken}", f"127.0.0.1,{promised}", "127.0.0.1,0"]
        *got, free = bind_each(daemon, *binds, UDP="1")
        assert len(daemon.notes()) == 1
    assert got == ["EADDRINUSE", str(promised)]
    assert int(free) > 0
