"""The commands that install Styxy, by how this one was installed."""

from __future__ import annotations

import pytest

from scripts.release.deb_texts import HOME
from styxy.client.doctor.installers import PACKAGE_PREFIX, again, kind_of, with_extra

PYTHON = "/home/a b/bin/python"

WAYS = {
    "/home/me/.local/share/uv/tools/styxy": (
        "uv tool install --force 'styxy[tui]'",
        "uv tool install --reinstall --no-cache styxy",
    ),
    "/home/me/.local/share/pipx/venvs/styxy": (
        "pipx install --force 'styxy[tui]'",
        "pipx reinstall styxy",
    ),
    "/usr/lib/styxy": ("pipx install 'styxy[tui]'", "sudo dpkg -i styxy_*.deb"),
    "/home/me/shop/.venv": (
        "'/home/a b/bin/python' -m pip install 'styxy[tui]'",
        "'/home/a b/bin/python' -m pip install --force-reinstall --no-cache-dir styxy",
    ),
}


@pytest.mark.parametrize("prefix", WAYS)
def test_an_extra_is_added_by_what_installed_styxy(prefix: str) -> None:
    kind = kind_of(prefix, "home = /usr/bin\nversion = 3.11.7\n")
    assert (with_extra("tui", kind, python=PYTHON), again(kind, python=PYTHON)) == WAYS[prefix]


def test_an_environment_of_uv_has_no_pip() -> None:
    kind = kind_of("/home/me/shop/.venv", "home = /usr/bin\nuv = 0.9.7\n")
    assert with_extra("mcp", kind, python="/p") == "uv pip install --python /p 'styxy[mcp]'"
    assert again(kind, python="/p") == "uv pip install --python /p --reinstall --no-cache styxy"


def test_the_package_lies_where_it_is_looked_for() -> None:
    assert f"/{HOME}" == PACKAGE_PREFIX
