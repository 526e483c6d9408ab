"""The real programs: how each is started and ended, where it answers, what of its output varies.

The only table of them. A program that cannot be had on a machine says so in one sentence.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.programs.talk import pages

API = range(8000, 8100)
DEV = range(3000, 3100)
SERVICE = {API: "api", DEV: "dev"}

ROOT = Path(__file__).parent.parent.parent
VITE = ROOT / ".cache" / "programs" / "node_modules" / "vite" / "bin" / "vite.js"

PYTHON = sys.executable
Missing = Callable[[], str | None]


def nothing_missing() -> str | None:
    """Say that the program is always there."""
    return None


def module(name: str) -> Missing:
    """Ask for a Python package of the `test` extra."""

    def missing() -> str | None:
        found = importlib.util.find_spec(name)
        return None if found else f"{name} is not installed; try: make test"

    return missing


def node() -> str | None:
    """Ask for Node."""
    return None if shutil.which("node") else "there is no node here"


def vite() -> str | None:
    """Ask for Node and Vite."""
    return node() or (None if VITE.exists() else "Vite is not installed; try: make programs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Describe one program.

    In `words` and `files`, PORT and CONTENT stand for the port and for what the server answers;
    each of several `workers` adds words of its own. `says` is what it prints of the port that it
    has, and on which `stream`, where it asks the kernel. `varies` are patterns of output that no
    two runs share.
    """

    name: str
    words: tuple[str | Path, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    ports: range = API
    addresses: tuple[str, ...] = ("127.0.0.1",)
    workers: int = 1
    says: str = ""
    stream: str = "stdout"
    ends_by: signal.Signals = signal.SIGTERM
    varies: tuple[str, ...] = ()
    missing: Missing = nothing_missing

    def __str__(self) -> str:
        """Name the program; pytest names its tests so."""
        return self.name

    def settle_in(self, project: Path, content: str) -> None:
        """Write the program's files into a project."""
        for name, text in self.files.items():
            (project / name).write_text(text.replace("CONTENT", content))

    def command(self, port: int) -> list[str]:
        """Spell the command line for a port."""
        return [str(word).replace("PORT", str(port)) for word in self.words]

    def assert_answers(self, port: int, content: str) -> None:
        """Prove that the program, all of its workers, answers on each address that it serves."""
        for address in self.addresses:
            seen = pages(address, port, count=self.workers)
            assert {spoken(page) for page in seen} == {content}

    def settled(self, output: str) -> str:
        """Take out what no two runs share."""
        for pattern in self.varies:
            output = re.sub(pattern, "~", output)
        # The lines of several processes come in any order.
        return output if self.workers == 1 else "".join(sorted(output.splitlines(keepends=True)))


def spoken(page: str) -> str:
    """Take a program's own words from a page: Vite puts a script before, workers a name behind."""
    return page.strip().splitlines()[-1].partition(" by ")[0]


ASYNCIO = """
import asyncio, sys

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\nCONTENT")
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(answer, None, int(sys.argv[1]))
    print("serving on", *(each.getsockname()[1] for each in server.sockets), flush=True)
    await server.serve_forever()

asyncio.run(main())
"""

SHARING = """
import os, signal, socket, sys

def serve(worker):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen()
    os.write(1, b"worker on %d\\n" % server.getsockname()[1])
    body = b"CONTENT by %d" % worker
    while True:
        link, _ = server.accept()
        with link:
            link.recv(4096)
            link.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)

def stop(*_):
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
    sys.exit()

signal.signal(signal.SIGTERM, stop)
workers = [os.fork() or serve(worker) for worker in range(3)]
os.wait()
"""

ASGI = """
import os

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"CONTENT by %d" % os.getpid()})
"""

WSGI = """
import os

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"CONTENT by %d" % os.getpid()]
"""

NODE = """
const server = require('http').createServer((request, response) => response.end('CONTENT'))
server.listen(+process.argv[2], () => console.log('listening on', server.address().port))
"""

CLUSTER = """
const cluster = require('cluster')
const http = require('http')
if (process.argv[3] === 'shared') cluster.schedulingPolicy = cluster.SCHED_NONE
if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork()
  cluster.on('exit', (worker, code, signal) => console.log('worker ended', code, signal))
  process.on('SIGTERM', () => process.exit(0))
} else {
  const body = 'CONTENT by ' + cluster.worker.id
  http.createServer((request, response) => response.end(body)).listen(+process.argv[2])
}
"""

PAGE = {"index.html": "CONTENT\n"}
# Vite looks for dependencies after it has said that it is ready, and complains where it is ended
# meanwhile.
VITE_PAGE = {
    **PAGE,
    "vite.config.mjs": "export default { optimizeDeps: { noDiscovery: true } }\n",
}
CLOCK = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}"
PID = r"(?<=\[)\d+(?=\])|(?<=pid: )\d+|(?<=\()\d+(?=\))"
ACCESS = r'(?:INFO: +127\.0\.0\.1:\d+ - "GET / HTTP/1\.1" 200 OK\n)+'
UVICORN = (r"(?<=process \[)\d+", ACCESS)

PROGRAMS = (
    Program(
        name="http.server",
        words=(PYTHON, "-m", "http.server", "PORT"),
        files=PAGE,
        says=r"Serving HTTP on 0\.0\.0\.0 port PORT \(http://0\.0\.0\.0:PORT/\) \.\.\.",
        ends_by=signal.SIGINT,
        varies=(r"\[\d\d/\w+/\d{4} \d\d:\d\d:\d\d\]",),
    ),
    Program(
        name="asyncio on both families",
        words=(PYTHON, "serve.py", "PORT"),
        files={"serve.py": ASYNCIO},
        addresses=("127.0.0.1", "::1"),
        says="serving on PORT PORT",
    ),
    Program(
        name="workers with SO_REUSEPORT",
        words=(PYTHON, "serve.py", "PORT"),
        files={"serve.py": SHARING},
        workers=3,
        says="worker on PORT",
    ),
    Program(
        name="uvicorn",
        words=(PYTHON, "-m", "uvicorn", "app:app", "--port", "PORT"),
        files={"app.py": ASGI},
        varies=UVICORN,
        missing=module("uvicorn"),
    ),
    Program(
        name="uvicorn --reload",
        words=(PYTHON, "-m", "uvicorn", "app:app", "--port", "PORT", "--reload"),
        files={"app.py": ASGI},
        says=r".* http://127\.0\.0\.1:PORT .*",
        stream="stderr",
        varies=UVICORN,
        missing=module("uvicorn"),
    ),
    Program(
        name="uvicorn --workers 2",
        words=(PYTHON, "-m", "uvicorn", "app:app", "--port", "PORT", "--workers", "2"),
        files={"app.py": ASGI},
        workers=2,
        says=r".* http://127\.0\.0\.1:PORT .*",
        stream="stderr",
        varies=UVICORN,
        missing=module("uvicorn"),
    ),
    Program(
        name="gunicorn -w 2",
        words=(PYTHON, "-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:PORT", "app:app"),
        files={"app.py": WSGI, "gunicorn.conf.py": "control_socket_disable = True\n"},
        workers=2,
        says=r".* Listening at: http://127\.0\.0\.1:PORT .*",
        stream="stderr",
        varies=(CLOCK, PID),
        missing=module("gunicorn"),
    ),
    Program(
        name="node http",
        words=("node", "server.js", "PORT"),
        files={"server.js": NODE},
        ports=DEV,
        addresses=("127.0.0.1", "::1"),
        says="listening on PORT",
        missing=node,
    ),
    Program(
        name="node cluster",
        words=("node", "cluster.js", "PORT"),
        files={"cluster.js": CLUSTER},
        ports=DEV,
        addresses=("127.0.0.1", "::1"),
        workers=2,
        missing=node,
    ),
    Program(
        name="node cluster, shared handles",
        words=("node", "cluster.js", "PORT", "shared"),
        files={"cluster.js": CLUSTER},
        ports=DEV,
        addresses=("127.0.0.1", "::1"),
        workers=2,
        missing=node,
    ),
    Program(
        name="vite",
        words=("node", VITE, "--host", "127.0.0.1", "--port", "PORT"),
        files=VITE_PAGE,
        ports=DEV,
        says=r".* http://127\.0\.0\.1:PORT/",
        varies=(r"ready in \d+ ms",),
        missing=vite,
    ),
    Program(
        name="vite --strictPort",
        words=("node", VITE, "--host", "::1", "--port", "PORT", "--strictPort"),
        files=VITE_PAGE,
        ports=DEV,
        addresses=("::1",),
        says=r".* http://\[::1\]:PORT/",
        varies=(r"ready in \d+ ms",),
        missing=vite,
    ),
)


def program(name: str) -> Program:
    """Find a program by its name."""
    return next(each for each in PROGRAMS if each.name == name)
