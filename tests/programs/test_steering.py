"""Programs that find their own way are told that their port is taken, and print the true one."""

from __future__ import annotations

import os
import pty
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.programs.conflicts import WORDS, stranger
from tests.programs.http_probe import fetch, is_refused, wait_until
from tests.programs.installation import Installation
from tests.programs.program import API
from tests.programs.running import Running
from tests.programs.sources import NODE, command

pytestmark = pytest.mark.real

EPMD = command("epmd", package="erlang-base")

LOCKS = range(47200, 47300)
"""Ports in no range, and no known tool's default."""

SERVER = """
import http.server, os, sys

def serve(port):
    server = http.server.HTTPServer(("127.0.0.1", port), Handler)
    print("open http://127.0.0.1:%d/?token=secret" % port, flush=True)
    server.serve_forever()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"mine")

http.server.HTTPServer.allow_reuse_address = False
"""

STEPS = (
    SERVER
    + """
asked = int(sys.argv[sys.argv.index("--port") + 1])
for port in range(asked, asked + 50):
    try:
        serve(port)
    except OSError as error:
        print("%d: %s" % (port, os.strerror(error.errno)), flush=True)
"""
)
"""What jupyter-server does: it prints the number that it tried, not the one that it has."""

COMPARES = (
    SERVER
    + """
import socket
with socket.socket() as probe:
    try:
        probe.bind(("127.0.0.1", asked := int(os.environ["PORT"])))
        found = probe.getsockname()[1]
    except OSError:
        found = None
if found != asked:
    if not sys.stdout.isatty():
        sys.exit("Something is already running on port %d." % asked)
    print("Something is already running. Another port instead? (Y/n)", flush=True)
    sys.stdin.readline()
    asked += 1
serve(asked)
"""
)
"""What create-react-app does, by way of detect-port."""


def script(project: Path, name: str, text: str) -> list[str | Path]:
    """Write a script under the name of a tool; gives the command that starts it."""
    path = project / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return [sys.executable, path]


@contextmanager
def beside_a_stranger(project: Path) -> Iterator[int]:
    """Have a port of the range for APIs taken by another project."""
    with stranger("127.0.0.1", API, project=project) as taken:
        yield taken.port
        taken.assert_untouched()


def connect_from(project: Path, installation: Installation, port: int) -> str:
    """Ask on a port as a client of a project does."""
    code = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"
    words = [sys.executable, "-c", code, f"http://127.0.0.1:{port}/"]
    with installation.run(words, cwd=project) as client:
        assert client.wait() == 0, client
        return client.stdout.strip()


def printed_port(server: Running) -> int:
    """Return the port of the address that a server printed."""
    return int(server.wait_line(r"open http://127\.0\.0\.1:(\d+)/.*", stream="stdout")[1])


def test_a_tool_that_steps_prints_the_port_that_it_has(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    words = script(ours, "jupyter-lab", STEPS)
    with beside_a_stranger(theirs) as port:
        with installation.run([*words, "--port", str(port)], cwd=ours) as server:
            printed = printed_port(server)
            assert printed > port
            assert fetch("127.0.0.1", printed) == "mine"
            said = f"✓ STYXY: Port {port} was in use, jupyter-lab took {printed}"
            server.wait_line(said)
            assert [line for line in server.stderr.splitlines() if "STYXY" in line] == [said]
            [lease] = installation.leases(ours)
            assert lease["port"] == printed
            [move] = installation.reassignments(ours)
            assert (move["requested_port"], move["port"]) == (port, printed)
            assert connect_from(ours, installation, port) == "mine"
            assert connect_from(theirs, installation, port) == WORDS
            entry = installation.logged()[-1]
            assert (int(entry["asked"]), int(entry["got"])) == (port, printed)
        installation.wait_no_lease(ours)


def test_a_tool_without_anybody_to_ask_is_told_what_to_type(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    words = script(ours, "react-scripts", COMPARES)
    with beside_a_stranger(theirs) as port:
        with installation.run([*words, "start"], cwd=ours, PORT=str(port)) as server:
            assert server.wait() == 1
            line = server.wait_line(
                rf"✗ STYXY: Port {port} is in use by {theirs.name} \(python3?, PID \d+\), and "
                r"react-scripts cannot take another one by itself here; "
                r"try: PORT=(\d+) react-scripts start"
            )
            assert int(line[1]) in API
            assert server.stderr.count("STYXY") == 1
        assert installation.leases(ours) == []
        assert installation.reassignments(ours) == []


def test_a_free_port_is_the_tools_own_after_a_conflict(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    words = script(ours, "react-scripts", COMPARES)
    with beside_a_stranger(theirs) as port:
        with installation.run([*words, "start"], cwd=ours, PORT=str(port)) as server:
            assert server.wait() == 1
    with installation.run([*words, "start"], cwd=ours, PORT=str(port)) as server:
        assert printed_port(server) == port


def test_a_tool_asks_on_its_terminal(installation: Installation, ours: Path, theirs: Path) -> None:
    words = script(ours, "react-scripts", COMPARES)
    with beside_a_stranger(theirs) as port, open_terminal() as (keyboard, screen):
        command = f"exec {sys.executable} {words[1]} start < {os.ttyname(screen)}"
        with installation.run(
            ["sh", "-c", command], cwd=ours, terminal=screen, PORT=str(port)
        ) as server:
            said = b""
            while b"(Y/n)" not in said:
                said += os.read(keyboard, 1024)
            os.write(keyboard, b"y\n")
            while b"token" not in said:
                said += os.read(keyboard, 1024)
            assert fetch("127.0.0.1", port + 1) == "mine"
            assert "✗" not in server.stderr + said.decode()


@contextmanager
def open_terminal() -> Iterator[tuple[int, int]]:
    """Open a terminal, and close both of its ends."""
    ours, theirs = pty.openpty()
    with closing(os.fdopen(ours, "rb", 0)), closing(os.fdopen(theirs, "rb", 0)):
        yield ours, theirs


def test_the_user_overrules_the_table(installation: Installation, ours: Path, theirs: Path) -> None:
    words = script(ours, "jupyter-lab", STEPS)
    plain = script(ours, "of-mine", STEPS)
    with beside_a_stranger(theirs) as port:
        with installation.run(
            [*words, "--port", str(port)], cwd=ours, STYXY_ON_CONFLICT="move"
        ) as server:
            server.wait_line(rf"✓ STYXY: Port {port} was in use, auto-assigned port \d+")
        with installation.run(
            [*plain, "--port", str(port)], cwd=ours, STYXY_ON_CONFLICT="steer"
        ) as server:
            assert printed_port(server) > port


def test_a_promised_port_is_taken_for_a_tool_that_steps(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    words = script(ours, "jupyter-lab", STEPS)
    with installation.promised(theirs, API) as port:
        with installation.run([*words, "--port", str(port)], cwd=ours) as server:
            assert printed_port(server) > port


def test_a_tool_on_its_way_passes_a_port_that_is_promised(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    words = script(ours, "jupyter-lab", STEPS)
    with beside_a_stranger(theirs) as port:
        body = {
            "service_type": "api",
            "project_path": str(theirs),
            "preferred_port": port + 1,
            "sticky": False,
        }
        promise = installation.ask("POST", "/allocate", body)
        assert isinstance(promise, dict)
        with installation.run([*words, "--port", str(port)], cwd=ours) as server:
            assert (printed_port(server) == port + 1) == (promise["port"] != port + 1)
        installation.ask("DELETE", f"/allocate/{promise['lock_id']}")


def test_a_tool_comes_back_to_where_it_was(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    words = script(ours, "jupyter-lab", STEPS)
    with beside_a_stranger(theirs) as port:
        words += ["--port", str(port)]
        paths = []
        for is_beside in (True, False):
            with socket.socket() as other:
                with suppress(OSError):  # somebody else has it
                    if is_beside:
                        other.bind(("127.0.0.1", port + 1))
                        other.listen()
                with installation.run(words, cwd=ours) as server:
                    paths.append(printed_port(server))
                    assert fetch("127.0.0.1", paths[-1]) == "mine"
                installation.wait_no_lease(ours)
        assert paths[0] == paths[1] > port + 1


def test_a_tool_is_steered_whatever_the_address_of_the_other(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    words = script(ours, "jupyter-lab", STEPS)
    kind = random.choice(["::1", "::"])
    with stranger(kind, API, project=theirs) as taken:
        port = str(taken.port)
        with installation.run([*words, "--port", port], cwd=ours) as server:
            assert printed_port(server) > taken.port
        assert fetch("::1", taken.port) == WORDS


LOCK = """
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[2] == "udp" else socket.SOCK_STREAM
lock = socket.socket(socket.AF_INET, kind)
try:
    lock.bind(("127.0.0.1", int(sys.argv[1])))
    if sys.argv[2] == "listen":
        lock.listen()
except OSError as error:
    sys.exit("it runs already")
print("has it at", lock.getsockname()[1], flush=True)
sys.stdin.read() or __import__("signal").pause()
"""
"""A program that keeps a second one of itself from starting."""


@pytest.mark.parametrize("way", ["bind", "listen", "udp"])
def test_a_port_is_a_lock_for_the_same_program_of_a_project(
    way: str, installation: Installation, ours: Path, theirs: Path
) -> None:
    words = [*script(ours, "only-one", LOCK), str(port := free_port(LOCKS)), way]
    with installation.run(words, cwd=ours) as first:
        first.wait_line(f"has it at {port}", stream="stdout")
        with installation.run(words, cwd=ours) as second:
            assert second.wait() == 1
            assert second.stderr == "it runs already\n"
        other = [*script(theirs, "only-one", LOCK), str(port), way]
        with installation.run(other, cwd=theirs) as third:
            if way == "udp":  # on such a number, UDP is nobody's server
                assert third.wait() == 1
                assert third.stderr == "it runs already\n"
            else:
                third.wait_line(r"has it at \d+", stream="stdout")


def test_another_program_of_the_project_is_not_locked_out(
    installation: Installation, ours: Path
) -> None:
    words = [*script(ours, "only-one", LOCK), str(port := free_port(LOCKS)), "listen"]
    with installation.run(words, cwd=ours) as first:
        first.wait_line(f"has it at {port}", stream="stdout")
        other = [*script(ours, "another", LOCK), *words[2:]]
        with installation.run(other, cwd=ours) as second:
            second.wait_line(r"✓ STYXY: Port .*, auto-assigned port \d+")


def test_a_port_in_a_range_is_no_lock(installation: Installation, ours: Path) -> None:
    words = [*script(ours, "only-one", LOCK), str(port := free_port(API)), "listen"]
    with installation.run(words, cwd=ours) as first:
        first.wait_line(f"has it at {port}", stream="stdout")
        with installation.run(words, cwd=ours) as second:
            second.wait_line(rf"✓ STYXY: Port {port} was in use, auto-assigned port \d+")


RESTARTS = """
import os, socket, sys
def serve():
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen()
    print("serves on", server.getsockname()[1], flush=True)
    return server
if len(sys.argv) == 2:
    server = serve()
    ready, sent = os.pipe()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, *sys.argv, "again"])
    threading = __import__("threading")
    threading.Timer(0.05, lambda: os._exit(0)).start()
    threading.Event().wait()
serve()
threading = __import__("threading").Event().wait()
"""
"""A server that starts its successor a moment before it ends, as after `kill $PID; npm run dev`."""


def test_a_restarted_server_waits_for_its_predecessor(
    installation: Installation, ours: Path
) -> None:
    words = [*script(ours, "restarts", RESTARTS), str(port := free_port(API))]
    with installation.run(words, cwd=ours) as server:
        server.wait_line(rf"serves on {port}\nserves on {port}", stream="stdout")
        assert "STYXY" not in server.stderr


def test_a_debuggers_port_is_not_moved(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    if NODE.missing():
        pytest.skip(NODE.missing() or "")
    with stranger("127.0.0.1", range(9230, 9290), project=theirs) as taken:
        words = ["node", f"--inspect={taken.port}", "-e", "1"]
        with installation.run(words, cwd=ours) as program:
            line = program.wait_line(
                rf"✗ STYXY: Port {taken.port} is in use by {theirs.name} .*, and "
                r"a debugger's port is not moved; try: --inspect=(\d+)"
            )
            assert line[1] != str(taken.port)


HELPER = """
import http.server, sys
print("helps", flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"shared")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""


def test_a_shared_helper_is_neither_moved_nor_refused(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    port = free_port(LOCKS)
    helpers = [script(project, "epmd", HELPER) for project in (theirs, ours)]
    with installation.run([*helpers[0], "-port", str(port)], cwd=theirs) as helper:
        helper.wait_line("helps", stream="stdout")
        wait_until(lambda: not is_refused("127.0.0.1", port), "the helper listens")
        with installation.run([*helpers[1], "-port", str(port)], cwd=ours) as second:
            assert second.wait() == 1
            assert "Address already in use" in second.stderr
            assert "STYXY" not in second.stderr
        assert connect_from(ours, installation, port) == "shared"


def test_a_second_epmd_does_not_stay_beside_the_first(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    if reason := EPMD.missing():
        pytest.skip(reason)
    port = free_port(LOCKS)
    words = ["epmd", "-port", str(port)]
    with installation.run(words, cwd=theirs):
        wait_until(lambda: not is_refused("127.0.0.1", port), "epmd listens")
        for project in (theirs, ours):
            for way in ([], ["-daemon"]):
                with installation.run([*words, *way], cwd=project) as second:
                    assert second.wait() == 0, "a moved one would stay"
                    assert "STYXY" not in second.stdout + second.stderr
        assert installation.leases() == []


def test_a_tool_that_ends_instead_of_stepping_is_moved_the_next_time(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    exact = STEPS.replace("asked + 50", "asked + 1")  # as by a configuration file
    words = script(ours, "jupyter-lab", exact)
    with beside_a_stranger(theirs) as port:
        words += ["--port", str(port)]
        with installation.run(words, cwd=ours) as first:
            assert first.wait() == 0
        with installation.run(words, cwd=ours) as second:
            second.wait_line(rf"✓ STYXY: Port {port} was in use, auto-assigned port \d+")
