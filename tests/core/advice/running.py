"""Run a tool of `real_tools` where it cannot have its port, and return what it writes.

The port is taken, or too low for the user, or bind(2) is forbidden as a sandbox forbids it. As a
program, it is that sandbox: it becomes a command for which socket(2) of the internet gives EPERM,
as in Codex's.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.core.advice.real_tools import Tool

ROOT = Path(__file__).parents[3]
LONGEST = 60
"""Seconds until a tool is ended; a development server with a compiler takes ten."""

PATIENT = 8
"""Seconds for a tool that stays, to write all that it will."""

NO_LOW_PORTS = ("setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service")
"""Even root may not bind a port below 1024 without this capability (capabilities(7))."""

LOW_PORT = 80
SANDBOX = (sys.executable, "-m", "tests.core.advice.running")

PR_SET_NO_NEW_PRIVS = 38  # <linux/prctl.h>
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2  # <linux/seccomp.h>
ERRNO_EPERM = 0x00050001  # SECCOMP_RET_ERRNO | EPERM
ALLOW = 0x7FFF0000
SOCKET = {"x86_64": 41, "aarch64": 198}
"""The number of socket(2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a tool wrote, and its exit status, or None if it had to be ended."""

    output: str
    status: int | None


@contextmanager
def taken_port() -> Iterator[int]:
    """Listen on a port of every address while tools try to have it."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        yield int(taken.getsockname()[1])


def version_of(tool: Tool) -> str | None:
    """The version of a tool, or None if it is not there."""
    with tempfile.TemporaryDirectory() as home:
        told = subprocess.run(
            ["sh", "-c", tool.version],
            env={**os.environ, "HOME": home},
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    if told.returncode != 0:
        return None
    lines = (told.stdout + told.stderr).splitlines()
    return next((line.strip() for line in lines if any(map(str.isdigit, line))), "")


def attempt(tool: Tool, port: int, *, within: tuple[str, ...] = ()) -> Attempt:
    """Run a tool on a port in a directory of its own, and end it if it stays."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o777)
        for path, text in tool.files.items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_filled(text, port, name), encoding="utf-8")
        if modules := os.environ.get("NODE_PATH"):
            (directory / "node_modules").symlink_to(modules.partition(":")[0])
        process = subprocess.Popen(
            [*within, "sh", "-c", _filled(tool.command, port, name)],
            cwd=directory,
            env={**os.environ, **tool.variables, "HOME": name, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        written, status = _ended(process, PATIENT if tool.is_patient else LONGEST)
    return Attempt(output=written.decode("utf-8", "replace"), status=status)


def _filled(text: str, port: int, directory: str) -> str:
    return text.replace("{port}", str(port)).replace("{directory}", directory)


def _ended(process: subprocess.Popen[bytes], seconds: float) -> tuple[bytes, int | None]:
    try:
        written, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        written, _ = process.communicate()
        return written, None
    return written, process.returncode


def forbid_internet() -> None:
    """Let socket(2) give EPERM for AF_INET and AF_INET6 from now on (seccomp(2))."""
    number = SOCKET[platform.machine()]
    program = b"".join(
        struct.pack("HBBI", code, yes, no, value)
        for code, yes, no, value in (
            (0x20, 0, 0, 0),  # load the number of the call: offset 0 of struct seccomp_data
            (0x15, 0, 4, number),
            (0x20, 0, 0, 16),  # load its first argument, the address family
            (0x15, 1, 0, socket.AF_INET),
            (0x15, 0, 1, socket.AF_INET6),
            (0x06, 0, 0, ERRNO_EPERM),
            (0x06, 0, 0, ALLOW),
        )
    )
    code = ctypes.create_string_buffer(program)
    filters = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filters, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")


if __name__ == "__main__":
    forbid_internet()
    os.execvp(sys.argv[1], sys.argv[1:])
