"""The copy of `styxy-hook` in the home: complete, private, and always of this version."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import styxy as package
from styxy import __version__
from styxy.adapters.paths import Paths
from styxy.client.agents.hook_program import STAND_IN, installed_hook
from styxy.core.errors import Unavailable
from tests.commands import CommandLine
from tests.native.hook.calling import call


def paths_of(home: Path) -> Paths:
    """The paths of a home."""
    return Paths({"STYXY_HOME": str(home)})


def mode(path: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_copy_runs_and_is_private(tmp_path: Path) -> None:
    path = Path(installed_hook(paths_of(tmp_path / "home")))
    assert path == tmp_path / "home" / "bin" / "styxy-hook"
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"styxy-hook {__version__}\n"
    assert {mode(path), mode(path.parent), mode(path.parent.parent)} == {0o700}
    assert sorted(each.name for each in path.parent.iterdir()) == ["styxy", "styxy-hook"]


def test_an_equal_copy_is_left_alone_and_another_one_replaced(tmp_path: Path) -> None:
    path = Path(installed_hook(paths_of(tmp_path)))
    first = path.stat().st_ino
    installed_hook(paths_of(tmp_path))
    assert path.stat().st_ino == first
    content = path.read_bytes()
    path.write_bytes(content.replace(__version__.encode(), b"9.9.9"))
    with path.open("rb") as running:
        installed_hook(paths_of(tmp_path))
        assert path.read_bytes() == content
        assert running.read() != content  # whoever runs the old one goes on with it
    assert mode(path) == 0o700


def test_the_link_beside_it_leads_to_the_command_line(tmp_path: Path) -> None:
    link = Path(installed_hook(paths_of(tmp_path))).with_name("styxy")
    assert link.is_symlink()
    said = subprocess.run([link, "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"styxy {__version__}\n"
    link.unlink()
    link.symlink_to("/an/environment/that/is/gone/styxy")
    installed_hook(paths_of(tmp_path))
    assert link.exists()


def test_links_are_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    home = tmp_path / "home"
    path = Path(installed_hook(paths_of(home)))
    path.unlink()
    path.symlink_to(victim)
    with pytest.raises(Unavailable, match="is no plain file"):
        installed_hook(paths_of(home))
    shutil.rmtree(path.parent)
    (home / "bin").symlink_to(tmp_path)
    with pytest.raises(Unavailable, match="is a link"):
        installed_hook(paths_of(home))
    assert victim.read_text() == "mine"


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "bin" / "styxy-hook").mkdir(parents=True)
    with pytest.raises(Unavailable, match="styxy-hook is no plain file"):
        installed_hook(paths_of(tmp_path))


INSTALL = """
import os
from styxy.adapters.paths import Paths
from styxy.client.agents.hook_program import installed_hook
print(installed_hook(Paths(os.environ)))
"""


def test_without_the_program_a_script_stands_in_and_an_earlier_copy_is_kept(
    tmp_path: Path,
) -> None:
    bare = tmp_path / "bare" / "styxy"
    leave = shutil.ignore_patterns("native", "__pycache__")
    shutil.copytree(Path(package.__file__).parent, bare, ignore=leave)
    env = {**os.environ, "PYTHONPATH": str(bare.parent), "STYXY_HOME": str(tmp_path / "home")}

    def attempt() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-P", "-c", INSTALL]
        return subprocess.run(words, env=env, capture_output=True, text=True)

    path = Path(attempt().stdout.strip())
    assert path.read_bytes() == STAND_IN
    assert mode(path) == 0o700
    done = call(tmp_path / "home", "PreToolUse", b"{}", program=(str(path),))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert installed_hook(paths_of(tmp_path / "home")) == str(path)
    compiled = path.read_bytes()
    assert compiled != STAND_IN
    assert attempt().stdout == f"{path}\n"
    assert path.read_bytes() == compiled


def test_the_stand_in_hands_all_to_the_command_line_and_is_quiet_without_one(
    tmp_path: Path,
) -> None:
    script = tmp_path / "styxy-hook"
    script.write_bytes(STAND_IN)
    script.chmod(0o700)
    done = call(tmp_path, "PreToolUse", b"{}", program=(str(script),))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    link = tmp_path / "styxy"
    link.write_text('#!/bin/sh\necho "$@"\nexec /bin/cat\n')
    link.chmod(0o700)
    done = call(tmp_path, "PreToolUse", b"{}", program=(str(script),))
    assert (done.returncode, done.stdout) == (0, b"hook claude PreToolUse\n{}")


def test_the_copy_starts_the_daemon_when_a_session_starts(styxy: CommandLine) -> None:
    path = installed_hook(paths_of(styxy.home))
    env = {name: styxy.env[name] for name in ("PYTHONPATH", "STYXY_DAEMON_PORT")}
    done = call(styxy.home, "SessionStart", b"{}", program=(path,), **env)
    assert (done.returncode, done.stderr) == (0, b"")
    # It may take longer than the second that the hook waits: this waits for the one that starts.
    assert "started" not in styxy.run("daemon", "start", "-d").stderr
    assert styxy.daemon_pid() is not None
