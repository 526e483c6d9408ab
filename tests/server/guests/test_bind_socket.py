"""The socket of the native library: one line in, one line out, whatever comes.

Also tests `interception`, `move_reasons` and `habits`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote

import pytest

from styxy.adapters.kernel import ephemeral_ports
from styxy.adapters.paths import NOTE_SOCKET
from styxy.adapters.portmap.layout import ANSWER, ANSWERS_AT
from tests.daemon import SERVER_ID, Daemon, port_of, question, wait_until
from tests.fakes import free_port, leave_old_connection

OTHER_SERVER = "fedcba9876543210"
SO_COOKIE = 57  # asm-generic/socket.h
MOVE = re.compile(rb"styxy/1 move (\d+) (\S+) (new|same) \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\n")


@pytest.fixture
def busy(server: socket.socket) -> int:
    """A port that this process listens on."""
    return port_of(server)


def moved(daemon: Daemon, line: bytes) -> tuple[int, str, str]:
    return move_of(daemon.ask(line))


def move_of(answer: bytes) -> tuple[int, str, str]:
    """Return the port, type and novelty of a move, whose time of the day differs each time."""
    found = MOVE.fullmatch(answer)
    assert found is not None, answer
    return int(found[1]), found[2].decode(), found[3].decode()


def test_a_bind_that_met_a_listener_is_moved_to_a_lease(daemon: Daemon, busy: int) -> None:
    port, kind, told = moved(daemon, question(busy))
    assert (kind, told) == ("dev", "new")
    assert 3000 <= port <= 3099
    (lease,) = daemon.leases()
    assert (lease["port"], lease["requested_port"], lease["pid"]) == (port, busy, os.getpid())
    assert lease["project_path"] == "/p"


def test_the_same_server_gets_the_same_answer(daemon: Daemon, busy: int) -> None:
    first = moved(daemon, question(busy))
    second = moved(daemon, question(busy, family=6, address="::"))
    assert second == (first[0], first[1], "same")


def test_another_server_gets_another_place(daemon: Daemon, busy: int) -> None:
    first = moved(daemon, question(busy))
    assert moved(daemon, question(busy, server=OTHER_SERVER))[0] != first[0]
    assert moved(daemon, question(busy, project="/q"))[0] != first[0]


def test_the_declared_type_counts(daemon: Daemon, busy: int) -> None:
    port, kind, _ = moved(daemon, question(busy, kind="build"))
    assert kind == "build"
    assert 8200 <= port <= 8299


def test_a_place_is_outside_of_the_ports_of_outgoing_connections(tmp_path: Path, busy: int) -> None:
    last = ephemeral_ports().last
    if last + 20 > 65535:
        pytest.skip("outgoing connections may have all the high ports here")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    types = {"edge": {"range": [last - 20, last + 20]}}
    (home / "config.json").write_text(json.dumps({"service_types": types}))
    with Daemon(home) as daemon:
        assert moved(daemon, question(busy, kind="edge"))[0] > last


def test_a_lost_port_is_not_answered_again(daemon: Daemon, busy: int) -> None:
    first = moved(daemon, question(busy))[0]
    second = moved(daemon, question(busy, lost=first))[0]
    assert second not in (first, busy)
    assert moved(daemon, question(busy))[0] == second


def note(daemon: Daemon, server: socket.socket, *, image: str) -> None:
    """Say, as a guest does, that a socket listens."""
    (cookie,) = struct.unpack("@Q", server.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))
    where = f"4 {port_of(server)} 127.0.0.1"
    line = f"styxy/1 listen tcp {where} {cookie:016x} {image} default - /p 0 0"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as guest:
        guest.sendto(line.encode(), str(Path(daemon.facts["line_socket"]).with_name(NOTE_SOCKET)))


def test_a_server_keeps_the_port_that_another_process_of_it_has(
    daemon: Daemon, server: socket.socket
) -> None:
    busy = port_of(server)
    note(daemon, server, image=SERVER_ID)
    assert daemon.ask(question(busy)) == b"styxy/1 keep\n"
    assert moved(daemon, question(busy, server=OTHER_SERVER))[2] == "new"


def test_a_place_is_not_lost_to_another_process_of_the_server(daemon: Daemon, busy: int) -> None:
    first = moved(daemon, question(busy))
    with socket.create_server(("127.0.0.1", first[0])) as place:
        note(daemon, place, image=SERVER_ID)
        assert moved(daemon, question(busy, lost=first[0])) == (first[0], first[1], "same")


def test_a_port_that_is_free_by_now_is_kept_without_a_word(daemon: Daemon) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = int(server.getsockname()[1])
    assert moved(daemon, question(port))[::2] == (port, "same")
    assert daemon.call("GET", "/reassignments").body["reassignments"][-1:] != [port]


def test_a_promised_port_is_left_to_the_one_who_has_it(daemon: Daemon) -> None:
    lease = daemon.allocate("build", project_path="/q")
    port, kind, told = moved(daemon, question(lease["port"], reason="promised"))
    assert port != lease["port"]
    assert (kind, told) == ("build", "new")


def test_a_full_range_names_who_has_the_port_and_what_makes_room(tmp_path: Path) -> None:
    home, first = tmp_path / "home", free_port()
    home.mkdir(mode=0o700)
    types = {"tiny": {"range": [first, first]}}
    (home / "config.json").write_text(json.dumps({"service_types": types}))
    with Daemon(home) as daemon:
        daemon.allocate("tiny", project_path="/home/ada/blog")
        answer = unquote(daemon.ask(question(first, reason="promised")).decode())
        assert answer == (
            f"styxy/1 error it is promised to blog, and tiny {first}-{first} is full (1 lease); "
            "1 has no server; try: styxy cleanup -f --all\n"
        )


def why(daemon: Daemon, line: bytes) -> bytes:
    """Ask, and read the second line of the answer."""
    with socket.socket(socket.AF_UNIX) as guest:
        guest.connect(daemon.facts["line_socket"])
        guest.sendall(line)
        return guest.recv(8192).partition(b"\n")[2]


def reassigned_message(daemon: Daemon, port: int, **more: object) -> str:
    body = {"port": port, "pid": os.getpid(), **more}
    return str(daemon.call("POST", "/reassign", body).body["message"])


def test_a_port_that_is_only_promised_is_never_said_to_be_in_use(daemon: Daemon) -> None:
    port = daemon.allocate("build", project_path="/w/my blog")["port"]
    assert why(daemon, question(port, reason="promised")) == b"styxy/1 why promised my%20blog\n"
    assert why(daemon, question(port, reason="placed")) == b"styxy/1 why promised my%20blog\n"
    daemon.allocate("build", project_path="/x/my blog")
    assert why(daemon, question(port, reason="placed")) == b"styxy/1 why promised w/my%20blog\n"
    said = reassigned_message(daemon, port, reason="promised", project_path="/q")
    assert re.fullmatch(rf"Port {port} is promised to w/my blog, auto-assigned port \d+", said)


def test_a_promised_port_on_which_something_listens_is_in_use(daemon: Daemon) -> None:
    port = daemon.allocate("build", project_path="/q")["port"]
    with socket.create_server(("127.0.0.1", port)):
        assert why(daemon, question(port, reason="promised")) == b""
        said = reassigned_message(daemon, port, reason="promised", project_path="/p")
    assert re.fullmatch(rf"Port {port} was in use, auto-assigned port \d+", said)


@pytest.mark.parametrize("forgets", [False, True], ids=["", "after a cleanup"])
def test_a_restarted_server_goes_back_only_where_another_may_come_back(
    daemon: Daemon, forgets: bool
) -> None:
    theirs = daemon.allocate("build", project_path="/w/blog")
    ask = question(theirs["port"], reason="promised")
    place = moved(daemon, ask)[0]
    (mine,) = (each for each in daemon.leases() if each["port"] == place)
    for lease in (mine, theirs):
        daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
    if forgets:
        daemon.call("POST", "/cleanup", {"force": True})
    again = question(theirs["port"], reason="returned", server=OTHER_SERVER)
    if forgets:
        assert daemon.ask(again) == b"styxy/1 keep\n"
        return
    assert re.fullmatch(rb"styxy/1 why left blog \d\d:\d\d\n", why(daemon, again))
    assert moved(daemon, again)[0] == place


def shows(daemon: Daemon, port: int) -> bool:
    """Tell whether the port map shows whose server answers on a port."""
    answer_at = ANSWERS_AT[4] + port * ANSWER.size
    written = Path(daemon.facts["map"]).read_bytes()
    return bool(ANSWER.unpack_from(written, answer_at)[0])


def test_a_listener_outside_styxy_counts_as_a_hold_of_its_project(daemon: Daemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        busy = port_of(server)
        mine = daemon.call("GET", f"/check/{busy}").body["system_usage"]["project"]
        place, _, _ = moved(daemon, question(busy))
        wait_until(lambda: daemon.call("GET", "/status").status == 200 and shows(daemon, busy))
    (lease,) = daemon.leases()
    daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
    again = question(busy, reason="returned", server=OTHER_SERVER)
    assert why(daemon, again).startswith(f"styxy/1 why left {Path(mine).name} ".encode())
    assert moved(daemon, again)[0] == place


def test_a_program_is_moved_onto_the_lease_that_was_taken_for_it(daemon: Daemon, busy: int) -> None:
    port = daemon.call("GET", "/suggest/dev?count=1").body["suggestions"][0]
    command = ["sh", "-c", "read go; sleep 30 & echo $!; wait"]
    env = {**os.environ, "PORT": str(port)}
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        lease = daemon.allocate(
            "dev", project_path="/p", pid=run.pid, service_name="web", preferred_port=port
        )
        run.stdin.write("\n")
        run.stdin.flush()
        child = int(run.stdout.readline())
        assert moved(daemon, question(busy, pid=child, server=OTHER_SERVER))[::2] == (port, "new")
        os.kill(child, signal.SIGTERM)
    assert lease["port"] == port


def test_a_listener_of_another_project_is_a_shadow_and_ones_own_is_not(
    daemon: Daemon, busy: int
) -> None:
    mine = daemon.call("GET", f"/check/{busy}").body["system_usage"]["project"]
    assert daemon.ask(question(busy, reason="shadowed", project=mine)) == b"styxy/1 keep\n"
    assert moved(daemon, question(busy, reason="shadowed", project="/stranger"))[2] == "new"


def test_a_place_is_free_for_tcp_and_udp(daemon: Daemon, busy: int) -> None:
    first = moved(daemon, question(busy))[0]
    daemon.call("DELETE", f"/allocate/{daemon.leases()[0]['lock_id']}")
    daemon.call("POST", "/cleanup", {"force": True})  # forget the place
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first))
        assert moved(daemon, question(busy))[0] != first


def udp_question(port: int, **more: object) -> bytes:
    """Spell the question of a UDP bind."""
    return question(port, protocol="udp", **more)  # type: ignore[arg-type]  # reason among them


def test_udp_is_moved_only_where_a_number_is_a_servers(daemon: Daemon) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", free_port()))
        busy = port_of(other)
        assert daemon.ask(udp_question(busy)) == b"styxy/1 keep\n"
        with socket.create_server(("127.0.0.1", busy)) as server:
            note(daemon, server, image=SERVER_ID)
            place = moved(daemon, udp_question(busy))
            assert place[2] == "new"
            assert daemon.ask(udp_question(busy, server=OTHER_SERVER)) == b"styxy/1 keep\n"


def test_udp_goes_where_tcp_of_the_same_program_was_moved(daemon: Daemon, busy: int) -> None:
    port, kind, _ = moved(daemon, question(busy))
    assert moved(daemon, udp_question(busy, reason="placed")) == (port, kind, "same")


def test_a_singleton_that_runs_is_named(daemon: Daemon, busy: int) -> None:
    lease = daemon.allocate("ai", pid=os.getpid())
    answer = daemon.ask(question(busy, kind="ai"))
    assert answer == f"styxy/1 single {lease['port']} ai {os.getpid()}\n".encode()


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"hello\n",
        b"GET / HTTP/1.1\r\n",
        b"styxy/2 bind tcp 4 3000 127.0.0.1 inuse 0 0123456789abcdef default - /p\n",
        b"styxy/1 bind tcp 4 80 127.0.0.1 inuse 0 0123456789abcdef default - /p\n",
        b"\xff\xfe\x00\n",
        b"%" * 8000 + b"\n",
    ],
    ids=lambda line: repr(line[:20]),
)
def test_garbage_is_answered_with_a_sentence(daemon: Daemon, line: bytes) -> None:
    answer = daemon.ask(line)
    assert answer.startswith(b"styxy/1 error ")
    assert answer.endswith(b"\n")
    is_short = len(answer) <= 8192
    assert is_short
    assert daemon.leases() == []


def test_a_line_that_never_ends_is_hung_up_on(daemon: Daemon) -> None:
    with daemon.connect_unix(daemon.facts["line_socket"]) as link:
        try:
            for _ in range(100):
                link.sendall(b"x" * 4096)
            assert link.recv(100) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass  # hung up on while we sent: what was asked for
    assert daemon.call("GET", "/status").status == 200


def test_a_silent_guest_holds_nobody_up(daemon: Daemon, busy: int) -> None:
    with daemon.connect_unix(daemon.facts["line_socket"]) as silent:
        silent.sendall(b"styxy/1 bind")
        assert moved(daemon, question(busy))[2] == "new"


def test_several_questions_share_a_connection_and_may_come_in_pieces(
    daemon: Daemon, busy: int
) -> None:
    with daemon.connect_unix(daemon.facts["line_socket"]) as link:
        with link.makefile("rb") as lines:
            asked = question(busy)
            link.sendall(asked + asked[:20])
            first = lines.readline()
            link.sendall(asked[20:] + b"rubbish\n")
            second, third = lines.readline(), lines.readline()
    port, kind, _ = move_of(first)
    assert move_of(second) == (port, kind, "same")
    assert third.startswith(b"styxy/1 error ")


def test_a_guest_that_asks_and_leaves_harms_nobody(daemon: Daemon, busy: int) -> None:
    with daemon.connect_unix(daemon.facts["line_socket"]) as link:
        link.sendall(question(busy))
    assert moved(daemon, question(busy))[2] in ("new", "same")


def test_a_full_range_is_a_sentence(daemon: Daemon, busy: int) -> None:
    for _ in range(30):
        daemon.call("POST", "/allocate", {"service_type": "coordination"})
    answer = daemon.ask(question(busy, kind="coordination"))
    assert answer.startswith(b"styxy/1 error coordination%209870-9899%20is%20full")


def test_a_range_where_servers_have_just_been_is_not_full(daemon: Daemon, busy: int) -> None:
    for port in range(9870, 9900):
        with contextlib.suppress(OSError):  # a program of this machine has it, or had it just now
            leave_old_connection(port)
    port, kind, told = moved(daemon, question(busy, kind="coordination"))
    assert (kind, told) == ("coordination", "new")
    assert 9870 <= port <= 9899


def test_whoever_is_far_back_in_the_queue_is_told_to_wait_and_answered(
    daemon: Daemon, busy: int
) -> None:
    asked = [question(busy, server=f"{number:016x}", kind="build") for number in range(300)]
    with ExitStack() as stack:
        links = [
            stack.enter_context(daemon.connect_unix(daemon.facts["line_socket"])) for _ in asked
        ]
        os.kill(daemon.process.pid, signal.SIGSTOP)  # so that all of them are there at once
        for link, line in zip(links, asked, strict=True):
            link.sendall(line)
        os.kill(daemon.process.pid, signal.SIGCONT)
        told = 0
        for link in links:
            lines = stack.enter_context(link.makefile("rb"))
            answer = lines.readline()
            if answer == b"styxy/1 wait\n":
                told += 1
                answer = lines.readline()
            assert answer.split()[1] in (b"move", b"error")
    assert 0 < told < len(asked)
