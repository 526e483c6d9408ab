"""Programs that know nothing of Styxy: Python's servers and Node's, moved off a taken port."""

from __future__ import annotations

import select
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import NOTICE, Behaviour, FakeDaemon, listener, move, silence

pytestmark = pytest.mark.real

NEEDS_NODE = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")

STRANGERS = ["127.0.0.1", "0.0.0.0", "::", "::1"]

ASYNCIO = """
import asyncio, sys

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\nhi")
    writer.close()

async def main():
    server = await asyncio.start_server(answer, None, int(sys.argv[1]))
    print(sorted({each.getsockname()[1] for each in server.sockets}), flush=True)
    await server.serve_forever()

asyncio.run(main())
"""

NODE_HTTP = """
const server = require("http").createServer((request, response) => response.end("hi"));
server.on("error", (error) => { console.log(error.code); process.exit(1); });
server.listen(Number(process.argv[1]), () => console.log(server.address().port));
"""

NODE_CLUSTER = """
const cluster = require("cluster");
cluster.schedulingPolicy = process.argv[3] === "rr" ? cluster.SCHED_RR : cluster.SCHED_NONE;
if (cluster.isPrimary) {
    let ready = 0;
    for (let i = 0; i < 2; i++) cluster.fork();
    cluster.on("listening", () => { if (++ready === 2) console.log("listening"); });
    cluster.on("exit", (worker, code) => { console.log("exit", code); process.exit(1); });
} else {
    require("http").createServer((q, response) => response.end("hi"))
        .on("error", (error) => process.exit(3)).listen(Number(process.argv[2]));
}
"""


def lease(daemon: FakeDaemon, port: int, project: Path) -> Behaviour:
    """Behave like the real daemon: the first answer is new, and the lease is in the map."""
    seen: list[str] = []

    def behaviour(connection: socket.socket, question: list[str]) -> None:
        told = "same" if question[4] in seen else "new"
        seen.append(question[4])
        daemon.promise(port, f"project:{project.resolve()}", asked=int(question[4]))
        connection.sendall(f"{move(port, told=told)}\n".encode())

    return behaviour


@contextmanager
def started(command: list[str], env: dict[str, str], cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A server that runs until the test has asked it."""
    with subprocess.Popen(
        command, env=env, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        try:
            yield program
        finally:
            program.terminate()
            program.communicate(timeout=20)


def first_line(program: subprocess.Popen[str], stream: str = "stdout") -> str:
    pipe = getattr(program, stream)
    assert select.select([pipe], [], [], 30)[0], "nothing was printed"
    line: str = pipe.readline()
    return line


def page_of(port: int, host: str = "127.0.0.1") -> bytes:
    with urllib.request.urlopen(f"http://{host}:{port}/", timeout=10) as answer:
        content: bytes = answer.read()
        return content


def moved_program(tmp_path: Path, command: list[str], stranger: str) -> tuple[str, str, int, int]:
    """Start a server on a stranger's port: what it prints, our notice, the asked port, its own."""
    free = free_port()
    with listener(stranger) as taken, FakeDaemon(tmp_path / "home") as daemon:
        daemon.behaviour = lease(daemon, free, tmp_path)
        words = [word.replace("PORT", str(taken)) for word in command]
        with started(words, daemon.environment(), tmp_path) as program:
            printed = first_line(program)
            assert page_of(free)
            notice = first_line(program, "stderr")
    assert notice == NOTICE.format(taken, free)
    return printed, notice, taken, free


@pytest.mark.parametrize("stranger", STRANGERS)
def test_pythons_http_server(tmp_path: Path, stranger: str) -> None:
    command = [sys.executable, "-u", "-m", "http.server", "PORT"]
    printed, _, _, free = moved_program(tmp_path, command, stranger)
    assert f"port {free} " in printed


@pytest.mark.parametrize("stranger", STRANGERS)
def test_an_asyncio_server_lands_on_one_port_with_both_families(
    tmp_path: Path, stranger: str
) -> None:
    printed, _, _, free = moved_program(tmp_path, [sys.executable, "-c", ASYNCIO, "PORT"], stranger)
    assert printed == f"[{free}]\n"


@NEEDS_NODE
@pytest.mark.parametrize("stranger", STRANGERS)
def test_nodes_http_server(tmp_path: Path, stranger: str) -> None:
    printed, _, _, free = moved_program(tmp_path, ["node", "-e", NODE_HTTP, "PORT"], stranger)
    assert printed == f"{free}\n"


@NEEDS_NODE
@pytest.mark.parametrize("policy", ["rr", "none"])
@pytest.mark.parametrize("stranger", ["127.0.0.1", "::1"])
def test_nodes_cluster(tmp_path: Path, policy: str, stranger: str) -> None:
    (tmp_path / "cluster.js").write_text(NODE_CLUSTER)
    command = ["node", "cluster.js", "PORT", policy]
    printed, _, _, _ = moved_program(tmp_path, command, stranger)
    assert printed == "listening\n"


@NEEDS_NODE
@pytest.mark.parametrize("state", ["absent", "silent"])
def test_node_sees_its_own_error_where_the_daemon_is_sick(tmp_path: Path, state: str) -> None:
    with listener("::", v6only=False) as taken, FakeDaemon(tmp_path / "home", silence) as daemon:
        env = daemon.environment()
        if state == "absent":
            env["STYXY_HOME"] = "/nowhere"
        done = subprocess.run(
            ["node", "-e", NODE_HTTP, str(taken)],
            env=env, cwd=tmp_path, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "EADDRINUSE\n")
    # Without a home of Styxy's, as in a chroot, nobody has turned it on.
    said = [f"✗ STYXY: Port {taken} was not moved: "] if state == "silent" else []
    assert [line.partition("moved: ")[0] + "moved: " for line in done.stderr.splitlines()] == said
