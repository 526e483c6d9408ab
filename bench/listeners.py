"""For comparison: who listens, asked of Styxy, of psutil, of ss(8) and of lsof(8), taking turns.

All of them see the same crowd of listeners, and name the processes. Whole commands are compared
with a whole command of ours, a call of psutil with a request to the daemon. A peer that is not on
this machine is named in the table.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from functools import partial

from bench.growth import listeners
from bench.http_client import HttpClient
from bench.installation import STYXY, Installation
from bench.rows import Row, compared, left_out

CROWD = 200
"""Listeners beside those that are there anyway: a busy day."""

SS = ("ss", "-H", "-l", "-t", "-n", "-p")
LSOF = ("lsof", "-n", "-P", "-sTCP:LISTEN")


def measure(installation: Installation) -> Iterator[Row]:
    """Ask for all listeners by calls and by commands, then for one port by commands."""
    with listeners(CROWD), socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = HttpClient(installation, unix=True, keep=False)
        all_of_them = f"{CROWD} listeners"
        ours = ("GET /scan", partial(client.ask, "GET", "/scan"))
        yield from beside(all_of_them, ours, {"psutil.net_connections": psutil_call()})
        command = partial(command_call, installation)
        yield from beside(
            all_of_them,
            ("styxy scan", command(STYXY, "scan")),
            {"ss -ltnp": command(*SS), "lsof -iTCP -sTCP:LISTEN -P -n": command(*LSOF, "-iTCP")},
        )
        yield from beside(
            f"one of {all_of_them}",
            ("styxy who PORT", command(STYXY, "who", str(port))),
            {
                "ss -ltnp sport = :PORT": command(*SS, f"sport = :{port}"),
                "lsof -iTCP:PORT -sTCP:LISTEN -P -n": command(*LSOF, f"-iTCP:{port}"),
            },
        )


def beside(
    what: str,
    ours: tuple[str, Callable[[], object] | None],
    peers: dict[str, Callable[[], object] | None],
) -> Iterator[Row]:
    """Compare ours with the peers that are here, and name the others."""
    here = {name: call for name, call in peers.items() if call is not None}
    yield from compared(what, ours, here)
    for name in peers.keys() - here.keys():
        yield left_out(f"{what}, {name}", "it is not installed")


def psutil_call() -> Callable[[], object] | None:
    """List what listens by psutil, which is imported before the clock runs."""
    try:
        import psutil
    except ImportError:
        return None
    return lambda: [each for each in psutil.net_connections("tcp") if each.status == "LISTEN"]


def command_call(installation: Installation, *words: str) -> Callable[[], object] | None:
    """Run a command that has to succeed, if there is one of that name."""
    if shutil.which(words[0]) is None:
        return None
    return partial(
        subprocess.run,
        words,
        env=installation.env,
        cwd=installation.home,
        stdout=subprocess.DEVNULL,
        check=True,
    )
