"""Why a port cannot be had: a stranger's server on one address or another, or a promise.

The stranger is a process of another project that knows nothing of Styxy. It picks the port itself,
by binding it, so that no other test and no other program of the machine can come in between.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fakes import clean_environment
from tests.programs.http_probe import fetch, is_refused
from tests.programs.installation import Installation
from tests.programs.program import API
from tests.programs.running import running

LOOPBACK = ("127.0.0.1", "::1")

REACHED_AT = {"127.0.0.1": ("127.0.0.1",), "::1": ("::1",), "::": LOOPBACK}
"""Where a server on an address answers."""

STRANGER = """
import socket, sys

def bound(address, port, v6only):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family)
    # Or its connections would keep the port from the next program for a minute (TIME_WAIT).
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.argv[2] == "shared":
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    try:
        server.bind((address, port))
        server.listen()
    except OSError:
        server.close()
        return None
    return server

def settle(address, ports):
    others = {"127.0.0.1": ["::"], "::1": ["0.0.0.0"], "::": []}[address]
    for port in ports:
        server = bound(address, port, v6only=address == "::1")
        # At the other family nobody may be either, or it would be his server that is met.
        probes = [bound(other, port, v6only=1) for other in others] if server else []
        for probe in probes:
            probe and probe.close()
        if server and all(probes):
            return server
        server and server.close()

server = settle(sys.argv[1], [int(port) for port in sys.argv[4:]])
print("stranger on", server.getsockname()[1], flush=True)
body = sys.argv[3].encode()
while True:
    link, _ = server.accept()
    with link:
        data = b""
        while b"\\r\\n\\r\\n" not in data and (more := link.recv(4096)):
            data += more
        try:
            link.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
        except ConnectionError:
            pass
"""

WORDS = "I was here first"


@dataclass(frozen=True, slots=True)
class Contest:
    """A port that one project has and the other wants; `answers_at` is empty for a promise.

    `why` is what the notice says of the port.
    """

    port: int
    answers_at: tuple[str, ...]
    why: str = "was in use"

    def assert_untouched(self) -> None:
        """Prove that who has the port still has it, and that nobody else is at it."""
        for address in LOOPBACK:
            if address in self.answers_at:
                assert fetch(address, self.port) == WORDS
            else:
                assert is_refused(address, self.port), f"{address} {self.port} has somebody"


@contextlib.contextmanager
def stranger(
    address: str, ports: range, *, project: Path, shared: bool = False
) -> Iterator[Contest]:
    """Serve on a free port of a range from another project; `shared` sets SO_REUSEPORT."""
    sharing = "shared" if shared else "alone"
    candidates = [str(port) for port in random.sample(ports, len(ports))]
    words = [sys.executable, "-c", STRANGER, address, sharing, WORDS, *candidates]
    with running(words, cwd=project, env=clean_environment()) as server:
        port = int(server.wait_line(r"stranger on (\d+)", stream="stdout")[1])
        yield Contest(port, REACHED_AT[address])


@contextlib.contextmanager
def contest(
    kind: str, ports: range, *, installation: Installation, project: Path
) -> Iterator[Contest]:
    """Make the conflict of a kind: an address, or `promised`."""
    if kind == "promised":
        with installation.promised(project, ports) as port:
            yield Contest(port, (), why=f"is promised to {project.name}")
    else:
        with stranger(kind, ports, project=project) as taken:
            yield taken


KINDS = ("127.0.0.1", "::", "::1", "promised")


def script(project: Path, name: str, text: str) -> list[str | Path]:
    """Write a script under the name of a tool; gives the command that starts it."""
    path = project / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return [sys.executable, path]


@contextlib.contextmanager
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
