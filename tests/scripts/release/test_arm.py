"""The wheels for ARM, emulated: the hook runs, the library changes nothing, the supervisor refuses,
and the daemon and the command line work through psutil, because qemu has no netlink.

Interception is not tried here: qemu's user mode has no seccomp, and what it makes of a system call
is not what a kernel for ARM makes of it.
"""

from __future__ import annotations

import errno
import json
import sys
import textwrap
from pathlib import Path

import pytest

from scripts.release.targets import Target
from styxy import __version__
from tests.fakes import free_port
from tests.installed import run_well, skip_without_index
from tests.network import outside
from tests.scratch import once, scratch
from tests.scripts.release.built import GLIBC_ARM, MUSL_ARM, needs_release_tools, wheel_for
from tests.scripts.release.emulated import PYTHON, emulated, skip_without_emulation

pytestmark = [pytest.mark.slow, needs_release_tools]

SERVER = """
    import socket
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    server.accept()[0].sendall(b"hello")
    print(client.recv(5).decode())
    try:
        socket.create_server(server.getsockname())
    except OSError as error:
        print(error.errno)
"""


@pytest.fixture(autouse=True)
def emulation() -> None:
    """Have what runs these programs."""
    skip_without_emulation()


def unpacked(target: Target) -> Path:
    """The wheel as `pip install --target` unpacks it, without what it depends on."""
    return once(scratch() / target.tag, lambda out: install(out, target, "--no-deps"))


def install(out: Path, target: Target, *more: str) -> None:
    """Let pip unpack what it would install on a machine of another kind."""
    words = ("--only-binary=:all:", "--python-version", "3.11", "--target", str(out), *more)
    platforms = ("--platform", target.tag, "--platform", target.tag.replace("2_17", "2_28"))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    with outside():
        run_well(*pip, *platforms, *words, wheel_for(target))


@pytest.mark.parametrize("target", [GLIBC_ARM, MUSL_ARM], ids=lambda target: target.tag)
def test_the_hook_runs_and_is_silent_without_a_daemon(tmp_path: Path, target: Target) -> None:
    hook = unpacked(target) / "bin" / "styxy-hook"
    assert emulated(hook, "--version").stdout == f"styxy-hook {__version__}\n"
    done = emulated("sh", "-c", f"echo '{{}}' | {hook} claude PreToolUse", STYXY_HOME=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("target", [GLIBC_ARM, MUSL_ARM], ids=lambda target: target.tag)
def test_the_supervisor_says_that_it_cannot_work(target: Target) -> None:
    supervisor = unpacked(target) / "styxy" / "native" / "styxy-seccomp"
    assert emulated(supervisor, "probe").returncode == errno.ENOSYS
    assert emulated(supervisor).stderr.startswith("styxy-seccomp is started by `styxy run`")


def test_the_library_loads_and_changes_nothing(tmp_path: Path) -> None:
    library = unpacked(GLIBC_ARM) / "styxy" / "native" / "libstyxy.so"
    loaded = "print('libstyxy' in open('/proc/self/maps').read())"
    words = (PYTHON, "-I", "-S", "-c", f"{textwrap.dedent(SERVER)}\n{loaded}")
    done = emulated("env", f"LD_PRELOAD={library}", *words, STYXY_HOME=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"hello\n{errno.EADDRINUSE}\nTrue\n")
    assert emulated(*words).stdout == f"hello\n{errno.EADDRINUSE}\nFalse\n"


def test_a_program_runs_unmoved_and_one_sentence_says_why(tmp_path: Path) -> None:
    where = {"PYTHONPATH": unpacked(GLIBC_ARM), "STYXY_HOME": tmp_path / "home"}
    run = (PYTHON, "-P", "-m", "styxy", "run", "--")
    done = emulated(*run, PYTHON, "-c", "print('ran')", **where)
    assert (done.returncode, done.stdout) == (0, "ran\n")
    (sentence,) = done.stderr.splitlines()
    assert sentence.endswith(": ports are not moved")


def test_the_daemon_and_the_command_line_work_without_netlink(tmp_path: Path) -> None:
    skip_without_index()
    place = tmp_path / "place"
    install(place, GLIBC_ARM, "psutil")
    script = """
        styxy() { "$PYTHON" -P -m styxy "$@"; }
        "$PYTHON" -P -m styxy.server &
        until styxy daemon status --json >&2; do sleep 1; done
        styxy allocate -s dev -n web --json
        styxy daemon stop >&2
    """
    where = {"PYTHONPATH": place, "STYXY_HOME": tmp_path / "home", "PYTHON": PYTHON}
    done = emulated("sh", "-ec", script, STYXY_DAEMON_PORT=str(free_port()), **where)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["service_type"] == "dev"
