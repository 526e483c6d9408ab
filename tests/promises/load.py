"""Load for testing the promises: a large range, processes, listeners, bursts of requests.

Each test has a short form, for every run, and a long one with the numbers of the promise itself,
for `make soak` (STYXY_SOAK=1).
"""

from __future__ import annotations

import http.client
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.daemon import Daemon

IS_SOAK = os.environ.get("STYXY_SOAK") == "1"

CONFIG = {"service_types": {"load": {"range": [20000, 31999]}}}
"""Below the ports that the kernel gives to clients."""

IDLE = "import sys; print('up', flush=True); sys.stdin.read()"

SLEEPERS = """
import os, sys
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        os.close(1)
        sys.stdin.read()
        os._exit(0)
    print(pid, flush=True)
sys.stdin.read()
"""


def make_home(home: Path) -> Path:
    """Make a home whose configuration has a large service type."""
    home.mkdir(mode=0o700)
    (home / "config.json").write_text(json.dumps(CONFIG))
    return home


def short_or_long(short: int, long: int) -> int:
    """Choose a number for a short run or a soak."""
    return long if IS_SOAK else short


@contextmanager
def sleepers(count: int) -> Iterator[list[int]]:
    """Run idle processes until they are killed, or until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", SLEEPERS, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        yield [int(parent.stdout.readline()) for _ in range(count)]


def end(*pids: int) -> None:
    """Kill processes and wait until each is dead."""
    pidfds = [os.pidfd_open(pid) for pid in pids]
    for pidfd in pidfds:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    for pidfd in pidfds:
        assert select.select([pidfd], [], [], 10)[0]
        os.close(pidfd)


@contextmanager
def listeners(count: int) -> Iterator[list[int]]:
    """Listen on ports chosen by the kernel, in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    with ExitStack() as stack:
        made = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        yield [each.getsockname()[1] for each in made]


@contextmanager
def session(daemon: Daemon) -> Iterator[Callable[[str, str, object], Any]]:
    """Send many requests over one connection; each must succeed and returns its decoded body."""
    connection = daemon.connect()

    def ask(method: str, path: str, body: object) -> Any:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        raw = answer.read()
        assert answer.status == 200, raw
        return json.loads(raw)

    yield ask
    connection.close()


class Burst:
    """Allocates from several threads without a pause, and records what was acknowledged."""

    def __init__(self, daemon: Daemon, *, threads: int = 4, **fields: object) -> None:
        self.acknowledged: list[dict[str, Any]] = []
        self._socket = daemon.facts["socket"]
        self._daemon = daemon
        self._body = json.dumps({"service_type": "load", **fields}).encode()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        self._enough = threading.Semaphore(0)

    def __enter__(self) -> Burst:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_about: object) -> None:
        for thread in self._threads:
            thread.join()

    def wait_for(self, count: int) -> None:
        """Wait until `count` were acknowledged."""
        for _ in range(count):
            assert self._enough.acquire(timeout=20)

    def _run(self) -> None:
        connection = http.client.HTTPConnection("localhost", timeout=20)
        try:
            connection.sock = self._daemon.connect_unix(self._socket)
            while True:
                connection.request("POST", "/allocate", self._body)
                answer = connection.getresponse()
                raw = answer.read()
                assert answer.status == 200, raw
                self.acknowledged.append(json.loads(raw))
                self._enough.release()
        except (OSError, http.client.HTTPException):
            return  # the daemon is dead, which is what the test wanted
        finally:
            connection.close()
