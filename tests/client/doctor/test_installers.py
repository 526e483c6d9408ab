"""The commands that install Styxy, by how this one was installed."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.release.deb_texts import HOME
from styxy.client.doctor.installers import (
    LIBRARIES,
    PACKAGE_PREFIX,
    Source,
    again,
    kind_of,
    source_of,
    with_extra,
)
from tests.installed import clean_env, run_well, skip_without_index
from tests.network import outside
from tests.test_packaging import built_wheel, copied_sources

if TYPE_CHECKING:
    from styxy.client.doctor.installers import Kind

ROOT = Path(__file__).parents[3]
PYTHON = "/home/a b/bin/python"
INDEX = Source()

WAYS: dict[str, tuple[Kind, str, str]] = {
    "uv-receipt.toml": (
        "uv tool",
        "uv tool install --force 'styxy[mcp,tui]'",
        "uv tool upgrade --reinstall --no-cache styxy",
    ),
    "pipx_metadata.json": (
        "pipx",
        "pipx install --force 'styxy[mcp,tui]'",
        "pipx reinstall styxy",
    ),
    "anything": (
        "pip",
        "'/home/a b/bin/python' -m pip install 'styxy[tui]'",
        "'/home/a b/bin/python' -m pip install --force-reinstall --no-cache-dir styxy",
    ),
}


@pytest.mark.parametrize("left", WAYS)
def test_an_extra_is_added_by_what_installed_styxy(tmp_path: Path, left: str) -> None:
    kind, adding, anew = WAYS[left]
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    (tmp_path / left).touch()
    assert kind_of(str(tmp_path)) == kind
    assert with_extra("tui", kind, python=PYTHON, source=INDEX, present=["mcp"]) == adding
    assert again(kind, python=PYTHON, source=INDEX) == anew


def test_an_environment_of_uv_has_no_pip(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.9.7\n")
    kind = kind_of(str(tmp_path))
    adding = with_extra("mcp", kind, python="/p", source=INDEX)
    assert adding == "uv pip install --python /p 'styxy[mcp]'"
    anew = again(kind, python="/p", source=INDEX)
    assert anew == "uv pip install --python /p --reinstall --no-cache styxy"


def test_a_package_for_debian_has_no_extras() -> None:
    kind = kind_of(PACKAGE_PREFIX)
    assert with_extra("tui", kind, python="/p", source=INDEX) == "pipx install 'styxy[tui]'"
    assert again(kind, python="/p", source=INDEX) == "sudo dpkg -i styxy_*.deb"


def test_without_pip_there_is_a_way_to_it() -> None:
    ways: dict[Kind, str] = {
        "ensurepip": "/p -m ensurepip && /p -m pip install 'styxy[tui]'",
        "outer pip": "pip --python /p install 'styxy[tui]'",
    }
    for kind, command in ways.items():
        assert with_extra("tui", kind, python="/p", source=INDEX) == command


def test_styxy_comes_from_where_it_came_from(tmp_path: Path) -> None:
    place, url = tmp_path / "my styxy", (tmp_path / "my styxy").as_uri()
    place.mkdir()
    git = {"vcs": "git", "requested_revision": "v1", "commit_id": "0" * 40}
    for record, requirement in (
        ({"url": url, "dir_info": {}}, f"'{place}[tui]'"),
        ({"url": url, "dir_info": {"editable": True}}, f"-e '{place}[tui]'"),
        ({"url": f"{url}-gone", "dir_info": {}}, "'styxy[tui]'"),
        ({"url": "https://h/s", "vcs_info": git}, "'styxy[tui] @ git+https://h/s@v1'"),
        ({"url": "https://h/s.whl", "archive_info": {}}, "'styxy[tui] @ https://h/s.whl'"),
        ({}, "'styxy[tui]'"),
    ):
        assert source_of(json.dumps(record)).requirement(["tui"]) == requirement
    assert source_of(None).requirement() == "styxy"
    assert source_of("[]").requirement() == "styxy"


def test_each_extra_for_users_has_a_module_that_shows_it() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    for extra, module in LIBRARIES.items():
        assert any(each.startswith(module) for each in extras[extra])
    assert {*extras} - {"test", "check", "release"} >= {*LIBRARIES}


def test_the_package_lies_where_it_is_looked_for() -> None:
    assert f"/{HOME}" == PACKAGE_PREFIX


ADDING = "from styxy.client.doctor.fixes import adding; print(adding('portable'))"
AGAIN = "import os; from styxy.client.doctor.fixes import reinstall; print(reinstall(os.environ))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a wheel, in a place with a space in its name."""
    skip_without_index()
    built, _said = built_wheel(copied_sources(tmp_path_factory.mktemp("my") / "my sources"))
    return built


@pytest.mark.slow
@pytest.mark.parametrize("installer", ["uv tool", "pipx", "without pip"])
def test_what_is_printed_works_wherever_tools_are_kept(
    tmp_path: Path, wheel: Path, installer: str
) -> None:
    bin_dir = tmp_path / "installer" / "bin"
    env = clean_env(
        PATH=f"{bin_dir}:{tmp_path / 'links'}:/usr/bin:/bin",
        UV_TOOL_DIR=str(tmp_path / "tools"), UV_TOOL_BIN_DIR=str(tmp_path / "links"),
        PIPX_HOME=str(tmp_path / "pipx"), PIPX_BIN_DIR=str(tmp_path / "links"),
        PIPX_MAN_DIR=str(tmp_path / "man"), UV_PYTHON=sys.executable,
    )  # fmt: skip
    with outside():
        python = installed_by(installer, wheel, tmp_path, env)
        for script in (ADDING, AGAIN):
            line = run_well(python, "-c", script, env=env).strip()
            assert line.startswith((*installer.split()[:1], str(python)))
            done = subprocess.run(
                ["sh", "-c", line], env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            assert run_well(python, "-c", "import psutil, styxy; print(1)", env=env) == "1\n"


def installed_by(installer: str, wheel: Path, place: Path, env: dict[str, str]) -> Path:
    """Install Styxy in a place that is not the usual one; return the Python that has it."""
    bin_dir = place / "installer" / "bin"
    venv.create(place / "installer", with_pip=True, symlinks=True)
    if installer == "without pip":
        venv.create(place / "own", with_pip=False, symlinks=True)
        python = place / "own" / "bin" / "python"
        run_well(bin_dir / "pip", "--python", python, "install", "-q", wheel, env=env)
        (bin_dir / "pip").unlink()
        return python
    program = installer.split()[0]
    run_well(bin_dir / "pip", "install", "-q", program, env=env)
    run_well(bin_dir / program, *installer.split()[1:], "install", wheel, env=env)
    kept = {"uv": place / "tools" / "styxy", "pipx": place / "pipx" / "venvs" / "styxy"}
    return kept[program] / "bin" / "python"
