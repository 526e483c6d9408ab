"""Commands that fix something on this very machine: which compiler, which home, which port.

A fix that is the same everywhere is written where it is used. Nothing here is done; a fix never
deletes what may be the only copy of something.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from typing import TYPE_CHECKING

from styxy.adapters.portable.choice import open_kernel
from styxy.client.doctor.installers import (
    LIBRARIES,
    Source,
    again,
    kind_of,
    source_of,
    with_extra,
)
from styxy.core.model.ports import FIRST_UNPRIVILEGED, LAST_PORT, Port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.client.doctor.examination import Examination
    from styxy.client.doctor.installers import Kind

COMPILERS = ("cc", "gcc", "clang")

PACKAGERS = {
    "apt-get": "sudo apt-get install -y gcc libc6-dev",
    "dnf": "sudo dnf install -y gcc glibc-devel",
    "yum": "sudo yum install -y gcc glibc-devel",
    "zypper": "sudo zypper install -y gcc glibc-devel",
    "pacman": "sudo pacman -S --noconfirm gcc",
    "apk": "sudo apk add gcc musl-dev linux-headers",
}
"""What installs a compiler, by the program that does it."""


def reinstall(env: Mapping[str, str], *, prefix: str = sys.prefix) -> str:
    """Install Styxy again with its native parts: first a compiler, if there is none."""
    path = env.get("PATH")
    steps = []
    if not any(shutil.which(each, path=path) for each in COMPILERS):
        found = (step for name, step in PACKAGERS.items() if shutil.which(name, path=path))
        steps.append(next(found, "sudo apt-get install -y gcc libc6-dev"))
    installing = again(_kind(prefix, path), python=sys.executable, source=_source())
    return " && ".join([*steps, installing])


def adding(extra: str) -> str:
    """Install Styxy with an extra that is missing here."""
    present = [each for each, module in LIBRARIES.items() if find_spec(module) is not None]
    kind = _kind(sys.prefix, os.environ.get("PATH"))
    return with_extra(extra, kind, python=sys.executable, source=_source(), present=present)


def _kind(prefix: str, path: str | None) -> Kind:
    kind = kind_of(prefix)
    if kind != "pip" or _has_pip():
        return kind
    if shutil.which("uv", path=path):
        return "uv"
    return "ensurepip" if find_spec("ensurepip") is not None else "outer pip"


def _has_pip() -> bool:
    libraries = sysconfig.get_path("purelib")  # not on the path of `python -S`
    return find_spec("pip") is not None or os.path.isdir(os.path.join(libraries, "pip"))


def _source() -> Source:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return source_of(distribution("styxy").read_text("direct_url.json"))
    except (PackageNotFoundError, ValueError):
        return Source()  # a path to our modules alone; a record that is no JSON


def unwritable(home: str) -> tuple[str, str] | None:
    """Say why a home cannot be written, and what helps; None if it can."""
    there = home
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if os.access(there, os.W_OK | os.X_OK):
        return None
    other = f"export STYXY_HOME={shlex.quote(_other_home())}"
    if os.statvfs(there).f_flag & os.ST_RDONLY:
        return f"{home} is on a read-only file system", other
    if there == home and os.lstat(home).st_uid == os.geteuid():
        return f"{home} cannot be written", f"chmod u+rwx {shlex.quote(home)}"
    return f"{home} cannot be written", other


def _other_home() -> str:
    """Choose a directory for a home, where this user may make one."""
    state = os.path.expanduser("~/.local/state")
    for parent in (state, os.path.dirname(state)):
        if os.access(parent, os.W_OK | os.X_OK):
            return os.path.join(parent, "styxy")
    return f"/tmp/styxy-home-{os.geteuid()}"


def another_port(seen: Examination) -> str:
    """Give the daemon a port that is free now, where the next daemon will find it too."""
    port = another_port_number(seen)
    if seen.env.get("STYXY_DAEMON_PORT"):
        return f"export STYXY_DAEMON_PORT={port}"
    return f"styxy config set listen-port {port}"


def another_port_number(seen: Examination) -> int:
    """Find the first free port above the daemon's."""
    return _free_port(seen.listen_port)


def _free_port(taken: int) -> int:
    kernel = open_kernel()
    try:
        above, below = range(taken + 1, LAST_PORT + 1), range(FIRST_UNPRIVILEGED, taken)
        free: int = next(port for port in (*above, *below) if kernel.is_free(Port(port)))
        return free
    finally:
        kernel.close()


def taker_of(port: int) -> int | None:
    """Tell which user listens on a port; None if nobody does. Our own user comes first."""
    kernel = open_kernel()
    try:
        users = {each.uid for each in kernel.listeners() if each.port == port}
    finally:
        kernel.close()
    return os.geteuid() if os.geteuid() in users else min(users, default=None)
