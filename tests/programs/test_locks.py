"""Ports that are locks, debuggers' or all projects': EADDRINUSE stands, as without Styxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.programs.conflicts import connect_from, script, stranger
from tests.programs.http_probe import is_refused, wait_until
from tests.programs.installation import Installation
from tests.programs.program import API
from tests.programs.sources import NODE, command

pytestmark = pytest.mark.real

EPMD = command("epmd", package="erlang-base")

LOCKS = range(47200, 47300)
"""Ports in no range, and no known tool's default."""

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
