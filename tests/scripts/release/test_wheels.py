"""The wheels of a release, built as `make wheels` does (`wheels`, `compiling`, `targets`), and the
one for this machine installed where there is no compiler."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from scripts.release import macho
from scripts.release.targets import MACOS_LIBRARY, MACS, PARTS, TARGETS, Target
from scripts.release.wheels import build
from styxy import __version__
from tests.fakes import free_port
from tests.installed import (
    assert_has_the_hook,
    assert_moves_a_server,
    clean_env,
    run_well,
    skip_without_index,
)
from tests.network import outside
from tests.scripts.release.built import (
    GLIBC_X86,
    MUSL_ARM,
    needs_release_tools,
    release,
    wheel_for,
)

ROOT = Path(__file__).parents[3]


def test_without_zig_the_next_step_is_said_and_nothing_is_built(tmp_path: Path) -> None:
    words = [sys.executable, "-S", "-m", "scripts.release.wheels", "--out", str(tmp_path / "dist")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("not done: ziglang is not installed; try: make wheels")
    assert not (tmp_path / "dist").exists()


@pytest.mark.slow
@needs_release_tools
def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    once_more = (GLIBC_X86, MUSL_ARM, MACS[0])  # each machine and each libc
    with outside():
        again = {path.name for path in build(tmp_path / "dist", targets=once_more)}
    assert again == {f"styxy-{__version__}.tar.gz", *(wheel_for(each).name for each in once_more)}
    first = digests(release())
    assert digests(tmp_path / "dist") == {name: first[name] for name in again}


def digests(folder: Path) -> dict[str, str]:
    """What each file of a folder holds."""
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.iterdir()}


@pytest.mark.slow
@needs_release_tools
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.tag)
def test_each_wheel_has_every_part_and_the_notice_of_musl(target: Target) -> None:
    with zipfile.ZipFile(wheel_for(target)) as wheel:
        names = set(wheel.namelist())
        notice = wheel.read("styxy/native/styxy-seccomp.musl-copyright").decode()
    assert {f"styxy/native/{part}" for part in PARTS} <= names
    assert f"styxy-{__version__}.data/scripts/styxy-hook" in names
    assert notice.startswith("musl as a whole is licensed under")


@pytest.mark.slow
@needs_release_tools
@pytest.mark.parametrize("target", MACS, ids=lambda target: target.tag)
def test_a_wheel_for_macos_has_the_library_of_both_macs_and_nothing_of_linux(
    target: Target,
) -> None:
    with zipfile.ZipFile(wheel_for(target)) as wheel:
        native = {name for name in wheel.namelist() if name.startswith("styxy/native/")}
        library = macho.parts_of(wheel.read(f"styxy/native/{MACOS_LIBRARY}"))
        hook = macho.parts_of(wheel.read(f"styxy-{__version__}.data/scripts/styxy-hook"))
    assert native == {f"styxy/native/{part}" for part in target.parts}
    assert library.keys() == {cpu for cpu, _ in macho.CPUS.values()}
    assert hook.keys() == {macho.CPUS[target.machine][0]}


@pytest.mark.slow
@needs_release_tools
def test_the_wheel_of_this_machine_works_where_no_compiler_is(tmp_path: Path) -> None:
    skip_without_index()
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    bin_dir = tmp_path / "venv" / "bin"
    nowhere = clean_env(PATH=str(bin_dir))
    assert not any(shutil.which(name, path=nowhere["PATH"]) for name in ("cc", "gcc", "clang"))
    pip = (bin_dir / "python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    with outside():
        run_well(*pip, "install", "--only-binary=:all:", wheel_for(GLIBC_X86), env=nowhere)
    assert_has_the_hook(bin_dir)
    assert_moves_a_server(bin_dir, tmp_path / "home", env=nowhere)
    assert_three_commands_work(bin_dir, tmp_path / "other-home", nowhere)


def assert_three_commands_work(bin_dir: Path, home: Path, env: dict[str, str]) -> None:
    """Lease a port, look at it, and give it back."""
    env = env | {"STYXY_HOME": str(home), "STYXY_DAEMON_PORT": str(free_port())}
    styxy = bin_dir / "styxy"
    try:
        port = run_well(styxy, "allocate", "-s", "dev", "-n", "web", env=env).split()[0]
        assert port in run_well(styxy, "list", env=env)
        run_well(styxy, "release", "--port", port, env=env)
        assert port not in run_well(styxy, "list", env=env)
    finally:
        run_well(styxy, "daemon", "stop", env=env)
