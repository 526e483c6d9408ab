"""Programs that ask again for a port that they have: refused, as without Styxy, and not moved."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import COMMAND
from tests.fakes import QUIET, free_port, own_share
from tests.programs.conflicts import stranger
from tests.programs.installation import Installation
from tests.programs.program import API
from tests.programs.program_list import ProgramList
from tests.programs.python_servers import PYTHON
from tests.programs.running import Running, running
from tests.programs.sources import NODE as NODE_ITSELF
from tests.programs.test_conflicts import notice

pytestmark = [pytest.mark.real, pytest.mark.parametrize("backend", ["preload", "seccomp"])]

NODE = """
const net = require('node:net'), port = +process.argv[2], where = process.argv[3];
const first = net.createServer().listen(port, where, () => {
  console.log('first', first.address().port);
  const second = net.createServer();
  second.on('error', (error) => {
    console.log('second', error.code);
    second.listen(port + 1, where);
  });
  second.on('listening', () => console.log('second', second.address().port));
  second.listen(port, where);
});
"""
"""What a development server does: where its port is in use, it goes on to the next one."""

FAMILY = r"""
import os, socket, sys, threading

def serve(name, port):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(("127.0.0.1", port))
        server.listen()
        found = server.getsockname()[1]
    except OSError as error:
        found = os.strerror(error.errno)
    print(name, found, flush=True)
    return server

port = int(sys.argv[1])
if sys.argv[2:] == ["executed"]:
    serve("executed", port)
    sys.exit()
early, late = os.pipe(), os.pipe()
if os.fork() == 0:  # a child from before
    os.read(early[0], 1)
    serve("child", port)
    os.write(late[1], b"x")
    os._exit(0)
kept = serve("parent", port)
os.write(early[1], b"x")
os.read(late[0], 1)
thread = threading.Thread(target=serve, args=("thread", port))
thread.start()
thread.join()
if os.fork() == 0:  # a child from after
    serve("grandchild", port)
    os._exit(0)
os.wait()
os.wait()
os.spawnv(os.P_WAIT, sys.executable, [sys.executable, sys.argv[0], sys.argv[1], "executed"])
"""
"""All processes of one image, and one of another, which is a server of its own."""

IN_USE = "Address already in use"


@contextlib.contextmanager
def under(
    installation: Installation, backend: str, *words: str | Path, cwd: Path
) -> Iterator[Running]:
    """Run a program under one backend."""
    installation.wait_awake()
    command = [*COMMAND, "run", "--backend", backend, "--", *words]
    with running(command, cwd=cwd, env=installation.env) as program:
        yield program


def pair(ports: range) -> int:
    """Find a free port whose next one is free, too."""
    for port in random.sample(ports[:-1], len(ports) - 1):
        with contextlib.suppress(AssertionError):  # one of them is in use
            free_port(range(port, port + 1))
            free_port(range(port + 1, port + 2))
            return port
    raise AssertionError(f"no free pair in {ports}")


@pytest.mark.parametrize("where", ["127.0.0.1", "::1", "::"])
def test_node_goes_on_to_the_next_port_by_itself(
    backend: str, where: str, installation: Installation, ours: Path, program_list: ProgramList
) -> None:
    if reason := NODE_ITSELF.missing():
        program_list.skip("node", reason)
    program_list.add("node")
    (ours / "servers.js").write_text(NODE)
    port = pair(own_share(QUIET))
    with under(installation, backend, "node", "servers.js", str(port), where, cwd=ours) as program:
        program.wait_line(r"second \d+", stream="stdout")
        lines = [f"first {port}", "second EADDRINUSE", f"second {port + 1}"]
        assert program.stdout.splitlines() == lines
        assert program.stderr == ""
    installation.wait_no_lease(ours)


def said(program: Running) -> dict[str, str]:
    """What each process of the family got, when all have ended and every stream has."""
    assert program.wait() == 0
    lines = program.stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_a_family_of_processes_has_one_port_and_another_program_its_own(
    backend: str, installation: Installation, ours: Path
) -> None:
    (ours / "family.py").write_text(FAMILY)
    port = free_port(API)  # in no range, it would be a lock of the same script
    with under(installation, backend, PYTHON, "family.py", str(port), cwd=ours) as program:
        got = said(program)
        executed = got.pop("executed")
        assert got == {"parent": str(port), "child": IN_USE, "thread": IN_USE, "grandchild": IN_USE}
        assert executed not in (IN_USE, str(port))
        assert program.stderr == notice(port, executed) + "\n"
    installation.wait_no_lease(ours)


def test_a_family_that_was_moved_keeps_to_its_place(
    backend: str, installation: Installation, ours: Path, theirs: Path
) -> None:
    (ours / "family.py").write_text(FAMILY)
    with stranger("127.0.0.1", API, project=theirs) as taken:
        with under(
            installation, backend, PYTHON, "family.py", str(taken.port), cwd=ours
        ) as program:
            got = said(program)
            place, executed = got.pop("parent"), got.pop("executed")
            assert got == dict.fromkeys(("child", "thread", "grandchild"), IN_USE)
            assert len({place, executed, str(taken.port)}) == 3
            notices = [notice(taken.port, each) for each in (place, executed)]
            assert program.stderr.splitlines() == notices
        taken.assert_untouched()
    installation.wait_no_lease(ours)


TWICE = r"""
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int count, char **words)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    socklen_t length = sizeof name;
    for (int i = 0; i < count; i++) {
        struct sockaddr_in found;
        int server = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(server, (void *)&name, length) != 0 || listen(server, 8) != 0) {
            puts(strerror(errno));
            continue;
        }
        getsockname(server, (void *)&found, &length);
        printf("%d\n", ntohs(found.sin_port));
    }
    return 0;
}
"""


def test_a_c_program_is_told_of_its_own_server(
    backend: str, installation: Installation, ours: Path, program_list: ProgramList
) -> None:
    if not shutil.which("cc"):
        program_list.skip("a C program", "there is no C compiler here")
    program_list.add("a C program")
    (ours / "twice.c").write_text(textwrap.dedent(TWICE))
    linked = ["-static"] if backend == "seccomp" else []
    command = ["cc", "-Wall", "-Werror", *linked, "-o", "twice", "twice.c"]
    subprocess.run(command, cwd=ours, check=True, timeout=120)
    port = free_port()
    with under(installation, backend, ours / "twice", str(port), cwd=ours) as program:
        assert program.wait() == 0
        assert program.stdout.splitlines() == [str(port), IN_USE]
        assert program.stderr == ""
