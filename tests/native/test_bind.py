"""When a bind is moved, and when it is left alone."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from styxy.core.config.environment import SWITCH_WORDS
from tests.fakes import free_port, leave_old_connection
from tests.native.guest import FakeDaemon, bind_each, bound_elsewhere, listener, move, say

CONFLICTS = [
    # The stranger's address, the one that is bound, the reason of the question: the table of the
    # kernel in the facts; where it says "ok", Styxy says "shadowed".
    ("127.0.0.1", "127.0.0.1", "inuse"),
    ("127.0.0.1", "0.0.0.0", "inuse"),
    ("0.0.0.0", "127.0.0.1", "inuse"),
    ("127.0.0.1", "::", "inuse"),
    ("0.0.0.0", "::", "inuse"),
    ("::1", "::1", "inuse"),
    ("::1", "::", "inuse"),
    ("::", "::", "inuse"),
    ("127.0.0.1", "::1", "shadowed"),
    ("0.0.0.0", "::1", "shadowed"),
    ("::1", "127.0.0.1", "shadowed"),
    ("::1", "0.0.0.0", "shadowed"),
    ("::", "127.0.0.1", "shadowed"),
    ("::", "0.0.0.0", "shadowed"),
    ("127.0.0.1", "::ffff:127.0.0.1", "inuse"),
    ("127.0.0.1", "::ffff:0.0.0.0", "inuse"),
    ("::1", "::ffff:127.0.0.1", "shadowed"),
    ("127.0.0.1", "127.0.0.2", "shadowed"),
    ("::1", "127.0.0.2", "shadowed"),
    ("127.0.0.2", "127.0.0.2", "inuse"),
]


@pytest.mark.parametrize(("theirs", "ours", "reason"), CONFLICTS)
def test_a_bind_that_meets_a_stranger_moves(
    tmp_path: Path, theirs: str, ours: str, reason: str
) -> None:
    free = free_port()
    with listener(theirs) as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        assert bind_each(daemon, f"{ours},{taken},listen") == [str(free)]
    [question] = daemon.questions
    family = "6" if ":" in ours else "4"
    assert question[1:8] == ["bind", "tcp", family, str(taken), ours, reason, "0"]


@pytest.mark.parametrize("ours", ["::", "::ffff:127.0.0.1", "127.0.0.1", "::1", "0.0.0.0"])
def test_a_dual_stranger_is_met_on_both_families(tmp_path: Path, ours: str) -> None:
    free = free_port()
    with (
        listener("::", v6only=False) as taken,
        FakeDaemon(tmp_path, say(move(free))) as daemon,
    ):
        assert bind_each(daemon, f"{ours},{taken},listen") == [str(free)]


@pytest.mark.parametrize("ours", ["127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"])
def test_a_free_port_is_bound_and_nobody_is_asked(tmp_path: Path, ours: str) -> None:
    free = free_port()
    with FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        assert bind_each(daemon, f"{ours},{free},listen") == [str(free)]
    assert daemon.questions == []


def test_both_families_of_one_server_are_no_strangers_to_each_other(tmp_path: Path) -> None:
    free = free_port()
    with FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        binds = [f"127.0.0.1,{free},listen", f"::1,{free},listen", f"127.0.0.2,{free},listen"]
        assert bind_each(daemon, *binds) == [str(free)] * 3
    assert daemon.questions == []


def test_workers_of_one_program_may_share_a_port(tmp_path: Path) -> None:
    free = free_port()
    with FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        assert bind_each(daemon, *[f"0.0.0.0,{free},reuseport,listen"] * 3) == [str(free)] * 3
    assert daemon.questions == []


def test_a_stranger_that_would_share_its_port_is_met(tmp_path: Path) -> None:
    free = free_port()
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        with FakeDaemon(tmp_path, say(move(free))) as daemon:
            assert bind_each(daemon, f"127.0.0.1,{taken},reuseport,listen") == [str(free)]
    assert [question[6] for question in daemon.questions] == ["shadowed"]


def test_the_second_family_follows_the_first_although_the_port_is_free_there(
    tmp_path: Path,
) -> None:
    free = free_port()
    answers = say(move(free), move(free, told="same"))
    with listener("127.0.0.1") as taken, FakeDaemon(tmp_path, answers) as daemon:
        got = bind_each(daemon, f"127.0.0.1,{taken},listen", f"::1,{taken},listen")
    assert got == [str(free)] * 2
    assert len({question[8] for question in daemon.questions}) == 1  # one server


def test_a_promised_port_is_left_alone_although_nothing_listens_there(tmp_path: Path) -> None:
    promised, free = free_port(), free_port()
    with FakeDaemon(tmp_path, say(move(free))) as daemon:
        daemon.promise(promised, "project:/somewhere/else")
        assert bind_each(daemon, f"127.0.0.1,{promised}") == [str(free)]
    assert [question[6] for question in daemon.questions] == ["promised"]


@pytest.mark.parametrize("owner", ["project:{cwd}", "instance:default"])
def test_a_port_that_is_promised_to_us_is_ours(tmp_path: Path, owner: str) -> None:
    promised = free_port()
    cwd = str(tmp_path.resolve())
    with FakeDaemon(tmp_path / "home") as daemon:
        daemon.promise(promised, owner.format(cwd=cwd))
        assert bind_each(daemon, f"127.0.0.1,{promised}", STYXY_PROJECT=cwd) == [str(promised)]
    assert daemon.questions == []


def test_a_port_promised_to_another_instance_of_the_agent_is_not_ours(tmp_path: Path) -> None:
    promised, free = free_port(), free_port()
    with FakeDaemon(tmp_path, say(move(free))) as daemon:
        daemon.promise(promised, "instance:claude-1")
        assert bind_each(daemon, f"127.0.0.1,{promised}", CLAUDE_INSTANCE_ID="claude-1") == [
            str(promised)
        ]
        assert bind_each(daemon, f"127.0.0.1,{promised}", STYXY_INSTANCE_ID="claude-2") == [
            str(free)
        ]


def test_keep_on_a_promise_leads_to_the_real_bind(tmp_path: Path) -> None:
    promised = free_port()
    with FakeDaemon(tmp_path, say("styxy/1 keep")) as daemon:
        daemon.promise(promised, "project:/somewhere/else")
        assert bind_each(daemon, f"127.0.0.1,{promised}") == [str(promised)]


def test_keep_on_a_shadow_leads_to_the_real_bind(tmp_path: Path) -> None:
    with listener("::1") as taken, FakeDaemon(tmp_path, say("styxy/1 keep")) as daemon:
        assert bind_each(daemon, f"127.0.0.1,{taken},listen") == [str(taken)]


def test_keep_on_a_taken_port_lets_the_error_stand(tmp_path: Path) -> None:
    with listener() as taken, FakeDaemon(tmp_path, say("styxy/1 keep")) as daemon:
        assert bind_each(daemon, f"127.0.0.1,{taken}") == ["EADDRINUSE"]
    assert len(daemon.questions) == 1


def test_the_daemon_may_give_the_asked_port_itself(tmp_path: Path) -> None:
    promised = free_port()
    with FakeDaemon(tmp_path, say(move(promised))) as daemon:
        daemon.promise(promised, "project:/somewhere/else")
        assert bind_each(daemon, f"127.0.0.1,{promised}") == [str(promised)]
    assert not (tmp_path / "reassignments.log").exists()


def test_a_lost_race_is_told_and_the_next_place_is_tried(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, listener() as lost:
        with FakeDaemon(tmp_path, say(move(lost), move(free))) as daemon:
            assert bind_each(daemon, f"127.0.0.1,{taken}") == [str(free)]
    assert [question[7] for question in daemon.questions] == ["0", str(lost)]


def test_a_race_that_is_always_lost_ends(tmp_path: Path) -> None:
    with listener() as taken, listener() as lost, listener() as another:
        with FakeDaemon(tmp_path, say(*[move(lost), move(another)] * 10)) as daemon:
            assert bind_each(daemon, f"127.0.0.1,{taken}") == ["EADDRINUSE"]
    assert len(daemon.questions) == 8


def test_the_connections_of_a_previous_life_do_not_move_a_server(tmp_path: Path) -> None:
    port = leave_old_connection()
    with FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon, bound_elsewhere():
        bare = bind_each(daemon, f"127.0.0.1,{port}", STYXY_DISABLE_REASSIGN="1")
        guest = bind_each(daemon, f"127.0.0.1,{port},listen")
    assert (bare, guest) == (["EADDRINUSE"], [str(port)])
    assert daemon.questions == []


@pytest.mark.parametrize("option", ["listen", "reuse,listen"])
def test_the_connections_of_another_server_keep_nobody_from_a_place(
    tmp_path: Path, option: str
) -> None:
    place = leave_old_connection()
    with listener() as taken, FakeDaemon(tmp_path, say(move(place))) as daemon, bound_elsewhere():
        assert bind_each(daemon, f"127.0.0.1,{taken},{option}") == [str(place)]
    assert [question[7] for question in daemon.questions] == ["0"]


def test_a_place_that_no_option_frees_is_told_back(tmp_path: Path) -> None:
    place, next_one = leave_old_connection(reuse=False), free_port()
    with listener() as taken:
        with FakeDaemon(tmp_path, say(move(place), move(next_one))) as daemon:
            assert bind_each(daemon, f"127.0.0.1,{taken},listen") == [str(next_one)]
    assert [question[7] for question in daemon.questions] == ["0", str(place)]


@pytest.mark.parametrize(
    ("family", "ours"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")]
)
def test_a_port_that_is_bound_by_somebody_who_does_not_listen_yet_is_taken(
    tmp_path: Path, family: socket.AddressFamily, ours: str
) -> None:
    free = free_port()
    with socket.socket(family) as early, FakeDaemon(tmp_path, say(move(free))) as daemon:
        early.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        early.bind(("", 0))
        port = early.getsockname()[1]
        assert bind_each(daemon, f"{ours},{port},listen") == [str(free)]
        early.listen()
    assert [question[6] for question in daemon.questions] == ["inuse"]


def test_the_question_says_what_the_user_has_set(tmp_path: Path) -> None:
    project = tmp_path / "a project, 100 %"
    project.mkdir()
    with listener() as taken, FakeDaemon(tmp_path / "home") as daemon:
        bind_each(
            daemon, f"127.0.0.1,{taken}", STYXY_PROJECT=str(project),
            STYXY_SERVICE_TYPE="docs", STYXY_INSTANCE_ID="-",
        )  # fmt: skip
    instance, service_type, path = daemon.questions[0][9:]
    assert (instance, service_type) == ("%2D", "docs")
    assert path == str(project).replace("%", "%25").replace(" ", "%20")


@pytest.mark.parametrize("length", [4095, 4096, 20_000])
def test_a_project_that_is_too_long_for_a_path_harms_nobody(tmp_path: Path, length: int) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free))) as daemon:
        named = "/" + "x" * (length - 1)
        assert bind_each(daemon, f"127.0.0.1,{taken}", STYXY_PROJECT=named) == [str(free)]


ON = (*(word for word, means in SWITCH_WORDS.items() if means), "TRUE", "On")
NOT_ON = (
    *(word for word, means in SWITCH_WORDS.items() if not means),
    *("OFF", "", "maybe", "tru", "trues", "2", " 1"),
)


@pytest.mark.parametrize("value", [*ON, *NOT_ON])
def test_styxy_can_be_switched_off(tmp_path: Path, value: str) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        [got] = bind_each(daemon, f"127.0.0.1,{taken}", STYXY_DISABLE_REASSIGN=value)
    assert got == ("EADDRINUSE" if value in ON else str(free))


def test_port_0_is_untouched(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path) as daemon:
        assert int(bind_each(daemon, "0.0.0.0,0,listen")[0]) > 0
    assert daemon.questions == []


@contextmanager
def privileged_stranger() -> Iterator[int]:
    """A port below 1024, and whoever may listens on it."""
    with socket.socket() as stranger:
        for port in range(1023, 511, -1):
            try:
                stranger.bind(("127.0.0.1", port))
                stranger.listen()
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
            break
        yield port


def test_a_privileged_port_is_untouched(tmp_path: Path) -> None:
    with privileged_stranger() as port, FakeDaemon(tmp_path, say(move(free_port()))) as daemon:
        bare = bind_each(daemon, f"127.0.0.1,{port}", STYXY_DISABLE_REASSIGN="1")
        assert bind_each(daemon, f"127.0.0.1,{port}") == bare
    assert bare in (["EADDRINUSE"], ["EACCES"])  # as root, and as anybody else
    assert daemon.questions == []
