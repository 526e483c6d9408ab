"""The package for Debian (`deb`, `deb_texts`), from the wheel for this machine: lintian finds
nothing, and what it installs runs, in a /usr that only these processes see."""

from __future__ import annotations

import functools
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.release.deb import build, settle
from scripts.release.deb_texts import changelog, control, copyright_of
from styxy import __version__
from tests.fakes import free_port
from tests.installed import clean_env, run, run_well, skip_without_index
from tests.network import outside
from tests.scratch import once, scratch
from tests.scripts.release.built import (
    GLIBC_X86,
    needs_release_tools,
    wheel_for,
)

ROOT = Path(__file__).parents[3]

OVER_USR = 'mount -t overlay overlay -o "lowerdir=$0/usr:/usr" /usr; exec "$@"'
"""The package's files and this system's in one tree, for one command (overlayfs)."""

SESSION = """
    styxy --version
    styxy-hook --version
    styxy daemon start -d >&2
    program='import socket, sys; s = socket.create_server(("127.0.0.1", int(sys.argv[1])))'
    styxy run -- python3 -c "$program; print(s.getsockname()[1])" "$0"
    styxy daemon stop >&2
"""

IN_OWN_TREE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", OVER_USR)


@functools.cache
def package() -> Path:
    """The package, built once. Skips the test where its libraries cannot be fetched."""
    skip_without_index()

    def make(out: Path) -> None:
        shutil.copytree(wheel_for(GLIBC_X86).parent, out)
        with outside():
            build(out)

    return once(scratch() / "deb", make) / "deb" / f"styxy_{__version__}_amd64.deb"


@functools.cache
def installed() -> Path:
    """A root with what the package installs, and nothing else."""

    def unpack(out: Path) -> None:
        run_well("dpkg-deb", "-x", package(), out)

    return once(scratch() / "deb-root", unpack)


needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="there is no dpkg here")


def test_without_a_wheel_the_next_step_is_said(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "scripts.release.deb", "--dist", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(" is missing; try: make wheels\n")


def test_the_control_file_says_which_pythons_are_served() -> None:
    text = control(machine="aarch64", kibibytes=5)
    assert "\nArchitecture: arm64\n" in text
    assert "\nDepends: python3 (>= 3.11~), python3 (<< 3.15~), " in text


def test_the_licence_is_that_of_the_repository() -> None:
    text = copyright_of(ROOT.joinpath("LICENSE").read_text(encoding="utf-8"))
    assert " The Styxy authors\nLicense: Expat\n Permission is hereby granted" in text
    assert "\n .\n THE SOFTWARE IS PROVIDED" in text


def test_the_changelog_has_the_time_of_the_commit() -> None:
    assert changelog(0).endswith(">  Thu, 01 Jan 1970 00:00:00 +0000\n")


def test_rights_and_times_are_not_those_of_whoever_builds_it(tmp_path: Path) -> None:
    made = """
        umask 077
        mkdir -p tree/bin
        printf '#!/bin/sh\n' >tree/bin/program
        printf '\\177ELF' >tree/bin/styxy-hook
        cp tree/bin/styxy-hook tree/bin/libstyxy.so
        touch tree/page
        chmod 777 tree/page
        ln -s page tree/link
    """
    subprocess.run(["sh", "-euc", made], cwd=tmp_path, check=True)
    tree = tmp_path / "tree"
    settle(tree, 86400)
    modes = {path.name: path.lstat().st_mode & 0o777 for path in (tree, *tree.rglob("*"))}
    assert modes.pop("link")
    programs = dict.fromkeys(("tree", "bin", "program", "styxy-hook"), 0o755)
    assert modes == programs | dict.fromkeys(("page", "libstyxy.so"), 0o644)
    assert {path.lstat().st_mtime for path in (tree, *tree.rglob("*"))} == {86400}


@pytest.mark.slow
@needs_release_tools
@needs_dpkg
@pytest.mark.skipif(not shutil.which("lintian"), reason="there is no lintian here")
def test_lintian_finds_nothing() -> None:
    words = ("--allow-root", "--fail-on", "error,warning")
    assert run_well("lintian", *words, package()) == ""


@pytest.mark.slow
@needs_release_tools
@needs_dpkg
def test_it_installs_the_command_its_page_completion_and_a_unit_that_nobody_has_to_start() -> None:
    share = installed() / "usr" / "share"
    assert (share / "man/man1/styxy.1.gz").stat().st_size > 1000
    for name in ("bash-completion/completions/styxy", "zsh/site-functions/_styxy"):
        assert "allocate" in (share / name).read_text()
    unit = (installed() / "usr/lib/systemd/user/styxy.service").read_text()
    assert '\nExecStart="/usr/lib/styxy/bin/python3" "-P" "-m" "styxy.server"\n' in unit
    assert "\nType=notify\n" in unit
    assert not (installed() / "etc").exists()


@pytest.mark.slow
@needs_release_tools
@needs_dpkg
def test_what_it_installs_moves_a_server(tmp_path: Path) -> None:
    probe = run(*IN_OWN_TREE, installed(), "/usr/bin/python3", "-V")
    if probe.returncode != 0:
        pytest.skip("this kernel lets nobody mount an overlay, or the system has no python3")
    env = clean_env(
        PATH="/usr/bin:/bin",
        STYXY_HOME=str(tmp_path / "home"),
        STYXY_DAEMON_PORT=str(free_port()),
    )
    with socket.create_server(("127.0.0.1", 0)) as busy:
        taken = str(busy.getsockname()[1])
        words = (*IN_OWN_TREE, installed(), "sh", "-ec", SESSION, taken)
        *versions, got = run_well(*words, env=env).splitlines()
    assert versions == [f"styxy {__version__}", f"styxy-hook {__version__}"]
    assert got != taken
