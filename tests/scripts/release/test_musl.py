"""The wheel for x86-64 with musl, unpacked as pip does for such a machine, beside musl-gcc."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from styxy import __version__
from tests.fakes import free_port
from tests.installed import run_well
from tests.native.guest import BINDER, NOTICE, FakeDaemon, compiled, listener, move, run, say
from tests.native.hook.calling import Peer, call, reply, until_answered
from tests.native.hook.calling import say as answer
from tests.native.supervised import environment, needs_seccomp
from tests.scratch import once, scratch
from tests.scripts.release.built import MUSL_X86, needs_release_tools, wheel_for

pytestmark = [
    pytest.mark.slow,
    needs_release_tools,
    pytest.mark.skipif(shutil.which("musl-gcc") is None, reason="there is no musl-gcc here"),
]

PROGRAM = BINDER.replace("strerrorname_np", "strerror")


def unpacked() -> Path:
    """Where pip has unpacked the wheel."""

    def install(out: Path) -> None:
        words = (
            "--only-binary=:all:",
            "--no-deps",
            "--platform",
            MUSL_X86.tag,
            "--target",
            str(out),
        )
        run_well(sys.executable, "-m", "pip", "install", "--quiet", *words, wheel_for(MUSL_X86))

    return once(scratch() / MUSL_X86.tag, install)


def native(name: str) -> Path:
    """One of its compiled parts."""
    return unpacked() / "styxy" / "native" / name


def test_the_library_moves_a_program(tmp_path: Path) -> None:
    free, program = free_port(), compiled(PROGRAM, cc="musl-gcc")
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        env = daemon.environment() | {"LD_PRELOAD": str(native("libstyxy.so"))}
        done = run([program, f"127.0.0.1,{taken},listen"], env)
    assert (done.returncode, done.stdout) == (0, f"{free}\n")
    assert done.stderr == NOTICE.format(taken, free)


@needs_seccomp
@pytest.mark.parametrize("flag", ["-static", "-O1"])
def test_the_supervisor_moves_a_program(tmp_path: Path, flag: str) -> None:
    free, program = free_port(), compiled(PROGRAM, flag, cc="musl-gcc")
    supervisor = native("styxy-seccomp")
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        words = ("run", "--", program, f"127.0.0.1,{taken},listen")
        done = run([supervisor, *words], environment(daemon))
    assert (done.returncode, done.stdout) == (0, f"{free}\n")
    assert done.stderr == NOTICE.format(taken, free)


def test_the_hook_hands_an_event_to_the_daemon_and_its_answer_back(tmp_path: Path) -> None:
    hook = unpacked() / "bin" / "styxy-hook"
    said = subprocess.run([hook, "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"styxy-hook {__version__}\n"
    with Peer(tmp_path, answer(reply(b"3000 is yours"))):
        assert until_answered(lambda: call(tmp_path, program=(hook,))) == b"3000 is yours"
