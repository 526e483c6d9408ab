"""Programs that find their own way are told that their port is taken, and print the true one."""

from __future__ import annotations

import os
import pty
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.programs.conflicts import WORDS, beside_a_stranger, connect_from, script, stranger
from tests.programs.http_probe import fetch
from tests.programs.installation import Installation
from tests.programs.program import API
from tests.programs.running import Running

pytestmark = pytest.mark.real

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


PROBES_ON = COMPARES.replace(
    "    if not sys.stdout.isatty():",
    """    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.listen()
    if not sys.stdout.isatty():""",
)
"""The same, where it looks which port to propose before it knows that nobody is there to ask."""


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


@pytest.mark.parametrize("text", [COMPARES, PROBES_ON], ids=["compares", "probes on"])
def test_a_tool_without_anybody_to_ask_is_told_what_to_type(
    text: str, installation: Installation, ours: Path, theirs: Path
) -> None:
    words = script(ours, "react-scripts", text)
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
        paths, first = [], port + 1
        for is_beside in (True, False):
            with socket.socket() as other:
                try:
                    if is_beside:
                        other.bind(("127.0.0.1", port + 1))
                        other.listen()
                except OSError:
                    first = port  # somebody else has it, who may let go of it at any moment
                with installation.run(words, cwd=ours) as server:
                    paths.append(printed_port(server))
                    assert fetch("127.0.0.1", paths[-1]) == "mine"
                installation.wait_no_lease(ours)
        assert paths[0] == paths[1] > first


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
