"""Install Styxy as users do: by pip, editable, by uv, and on a machine without a C compiler.

Every build works on a copy of the sources: a build without a compiler removes the library, and the
checkout's own library is in use by whoever runs these tests.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scripts.shell_files import FILES
from styxy import __version__
from tests.commands import COMMAND
from tests.fakes import free_port
from tests.installed import (
    assert_has_the_hook,
    assert_moves_a_server,
    clean_env,
    run,
    run_well,
    skip_without_index,
)
from tests.network import outside

ROOT = Path(__file__).parent.parent
LIBRARY = "styxy/native/libstyxy.so"
HOOK = "styxy/native/styxy-hook"
SHIPPED = ("src", "native", "scripts", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE")

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def reach_package_index() -> Iterator[None]:
    """Let pip and uv fetch what a build needs."""
    with outside():
        yield


def copied_sources(to: Path) -> Path:
    """Copy what a build reads, without anything that was built."""
    to.mkdir()
    leave = shutil.ignore_patterns("*.so", "styxy-hook", "styxy-seccomp", "__pycache__")
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=leave)
        else:
            shutil.copy(ROOT / name, to / name)
    return to


def built_wheel(sources: Path, *, env: dict[str, str] | None = None) -> tuple[Path, str]:
    """Build a wheel with the hatchling that is here; return it and what the build said."""
    out = sources / "dist"
    words = ("wheel", "--verbose", "--no-deps", "--no-build-isolation", "--wheel-dir", out)
    done = run(sys.executable, "-m", "pip", *words, sources, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("*.whl")
    return wheel, done.stdout + done.stderr


def names_in(wheel: Path) -> list[str]:
    """List a wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def unpacked_sdist(sources: Path) -> Path:
    """Make a source distribution and unpack it, as a user of one does."""
    out = sources.parent / "sdist"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(out)],
        cwd=sources,
        env=clean_env(),
        capture_output=True,
        check=True,
    )
    (archive,) = out.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", out], check=True)
    return out / archive.name.removesuffix(".tar.gz")


def test_a_wheel_from_a_source_distribution_holds_the_library(tmp_path: Path) -> None:
    wheel, _said = built_wheel(unpacked_sdist(copied_sources(tmp_path / "sources")))
    assert {LIBRARY, HOOK, f"styxy-{__version__}.data/scripts/styxy-hook"} <= {*names_in(wheel)}
    assert wheel.stem.startswith(f"styxy-{__version__}-py3-none-linux_")
    assert not [name for name in names_in(wheel) if not name.startswith("styxy")]
    data = f"styxy-{__version__}.data/data/"
    with zipfile.ZipFile(wheel) as content:
        for name, (place, text) in FILES.items():
            assert content.read(f"styxy/share/{name}").decode() == text()
            assert content.read(data + place).decode() == text()


def test_pip_installs_it_from_source_and_then_editable(tmp_path: Path) -> None:
    skip_without_index()
    sources = copied_sources(tmp_path / "sources")
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    bin_dir = tmp_path / "venv" / "bin"
    pip = (bin_dir / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")

    run_well(*pip, sources)
    assert run_well(bin_dir / "styxy", "--version").split()[-1] == __version__
    for place, _ in FILES.values():
        assert "styxy" in (tmp_path / "venv" / place).read_text()
    assert run_well(bin_dir / "styxy", "completion", "zsh").startswith("#compdef styxy")
    assert_moves_a_server(bin_dir, tmp_path / "home")
    assert_has_the_hook(bin_dir)
    run_well(bin_dir / "python", "-m", "pip", "uninstall", "--quiet", "--yes", "styxy")
    assert not (bin_dir / "styxy-hook").exists()

    run_well(*pip, "-e", sources)
    assert_has_the_hook(bin_dir)
    assert (sources / "src" / LIBRARY).exists()
    where = run_well(bin_dir / "python", "-c", "import styxy; print(styxy.__file__)")
    assert where.strip() == str(sources / "src" / "styxy" / "__init__.py")
    assert_moves_a_server(bin_dir, tmp_path / "home")


def test_uv_installs_it(tmp_path: Path) -> None:
    skip_without_index()
    uv = Path(sys.executable).parent / "uv"
    sources = copied_sources(tmp_path / "sources")
    run_well(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    bin_dir = tmp_path / "venv" / "bin"
    run_well(uv, "pip", "install", "--quiet", "--python", bin_dir / "python", sources)
    assert run_well(bin_dir / "styxy", "--version").split()[-1] == __version__
    assert_has_the_hook(bin_dir)
    assert_moves_a_server(bin_dir, tmp_path / "home")


def test_a_daemon_whose_whole_environment_is_gone_answers_and_ends(tmp_path: Path) -> None:
    """What `uv tool uninstall styxy` does: it removes the environment, and stops nothing."""
    skip_without_index()
    wheel, _said = built_wheel(copied_sources(tmp_path / "sources"))
    uv, place, home = Path(sys.executable).parent / "uv", tmp_path / "tool", tmp_path / "home"
    run_well(uv, "venv", "--quiet", "--python", sys.executable, place)
    run_well(uv, "pip", "install", "--quiet", "--python", place / "bin" / "python", wheel)
    port = free_port()
    env = clean_env(STYXY_HOME=str(home), STYXY_DAEMON_PORT=str(port))
    run_well(place / "bin" / "styxy", "daemon", "start", "-d", env=env)
    pid = int(json.loads((home / "daemon.json").read_text())["pid"])
    process = os.pidfd_open(pid)
    try:
        place.rename(place.with_name("removed"))  # a running daemon may still write byte code
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as link:
            token = (home / "auth.token").read_text().strip()
            link.request("GET", "/docs", headers={"authorization": f"Bearer {token}"})
            answer = link.getresponse()
            assert (answer.status, json.loads(answer.read())["code"]) == (503, "unavailable")
        assert run_well(*COMMAND, "daemon", "status", env=ours(env)).endswith(f": kill {pid}\n")
        os.kill(pid, signal.SIGTERM)
        assert select.select([process], [], [], 20)[0], "the daemon goes on"
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)
    assert not (home / "daemon.json").exists()


def ours(env: dict[str, str]) -> dict[str, str]:
    """Lead the command line to this checkout, as to another installed version."""
    return env | {"PYTHONPATH": str(ROOT / "src")}


@pytest.mark.parametrize("compiler", ["/bin/false", "/nowhere/cc"])
def test_without_a_compiler_all_but_interception_works(tmp_path: Path, compiler: str) -> None:
    sources = copied_sources(tmp_path / "sources")
    wheel, said = built_wheel(sources, env=clean_env(CC=compiler))
    assert wheel.name == f"styxy-{__version__}-py3-none-any.whl"
    assert [name for name in names_in(wheel) if "/native/" in name or "/scripts/" in name] == []
    effects = {
        "preload library": "all but interception works",
        "hook program": "agents call Python",
    }
    for part, effect in effects.items():
        [warning] = [line for line in said.splitlines() if f"no {part} was built" in line]
        assert effect in warning
        assert "Install a C compiler" in warning

    place = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    env = clean_env(
        PYTHONPATH=str(place),
        STYXY_HOME=str(tmp_path / "home"),
        STYXY_DAEMON_PORT=str(free_port()),
    )
    styxy = (sys.executable, "-m", "styxy")
    assert run_well(*styxy, "--version", env=env).split()[-1] == __version__
    told = run(*styxy, "run", "--", sys.executable, "-c", "print('ran')", env=env)
    run(*styxy, "daemon", "stop", env=env)
    assert (told.returncode, told.stdout) == (0, "ran\n")
    assert len(told.stderr.splitlines()) == 1
    assert "compiler" in told.stderr
