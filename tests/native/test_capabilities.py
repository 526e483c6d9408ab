"""Programs with file capabilities, which nobody may look into: the user is told, and once."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.native.guest import compiled, library
from tests.native.supervised import supervisor

NOBODY = 65534
NAMED = (
    "✗ STYXY: {0} has capabilities, so its ports are not moved; see: styxy run --explain -- {0}\n"
)

SETCAP = shutil.which("setcap", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or SETCAP is None, reason="only root gives capabilities, by setcap"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody can read, with the native parts and an ordinary program."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        program = compiled("int main(void) { return 0; }")
        for source, target in ((library(), "libstyxy.so"), (supervisor(), "styxy-seccomp")):
            shutil.copy(source, path / target)
        shutil.copy(program, path / "server")
        for each in path.iterdir():
            each.chmod(0o755)
        yield path


def give(program: Path, capability: str) -> None:
    """Give a file a capability; file systems without them are skipped."""
    assert SETCAP is not None
    done = subprocess.run([SETCAP, f"{capability}=ep", program], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"setcap: {done.stderr.strip()}")


def said(folder: Path, words: str, more: dict[str, str], *, user: int = NOBODY) -> str:
    """What a shell of a user prints on standard error."""
    env = {"PATH": os.environ["PATH"], "LD_PRELOAD": f"{folder}/libstyxy.so", **more}
    done = subprocess.run(
        ["sh", "-c", words],
        env={**env, "STYXY_HOME": "/nonexistent"}, cwd="/", user=user, group=user,
        extra_groups=[], capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    return done.stderr


@pytest.mark.parametrize("mode", ["", "supervise"])
def test_a_server_with_capabilities_is_named_once_in_a_shell(folder: Path, mode: str) -> None:
    server = folder / "server"
    give(server, "cap_net_bind_service")
    shown = said(folder, f"{server}; {server}; true", {"STYXY_STATIC": mode})
    assert shown == NAMED.format(server)


def test_a_script_of_such_an_interpreter_is_named(folder: Path) -> None:
    give(folder / "server", "cap_net_bind_service")
    script = folder / "script"
    script.write_text(f"#!{folder}/server\n")
    script.chmod(0o755)
    assert said(folder, f"{script}; true", {"STYXY_STATIC": "supervise"}) == NAMED.format(script)


@pytest.mark.parametrize(
    "change", ["another capability", "setuid", "disabled", "no new privileges", "quiet"]
)
def test_nothing_is_said_where_there_is_nothing_to_say(folder: Path, change: str) -> None:
    server = folder / "server"
    give(server, "cap_net_raw" if change == "another capability" else "cap_net_bind_service")
    if change == "setuid":
        subprocess.run([str(SETCAP), "-r", server], check=True)
        server.chmod(server.stat().st_mode | stat.S_ISUID)
    env = {"disabled": {"STYXY_DISABLE_REASSIGN": "1"}, "quiet": {"STYXY_NOTIFY": "off"}}
    words = f"{server}; true"
    if change == "no new privileges":
        words = f"setpriv --no-new-privs sh -c '{words}'; true"
    assert said(folder, words, env.get(change, {})) == ""


def test_root_needs_no_word(folder: Path) -> None:
    """Root gains nothing by a file's capabilities, so the library is loaded."""
    give(folder / "server", "cap_net_bind_service")
    assert said(folder, f"{folder}/server; true", {}, user=0) == ""
