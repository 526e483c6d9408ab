"""What installs Styxy, by how this one was installed: the commands that messages name.

A message that names pip is no help where there is none: uv makes environments without it, and the
environment of a package for Debian belongs to the package.
"""

from __future__ import annotations

import shlex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["uv tool", "pipx", "debian", "uv", "pip"]

PACKAGE_PREFIX = "/usr/lib/styxy"
"""Where the package for Debian has its environment."""


def kind_of(prefix: str, settings: str) -> Kind:
    """Tell what made an environment, by its directory and the text of its pyvenv.cfg; "" where it
    has none.
    """
    if prefix == PACKAGE_PREFIX:
        return "debian"
    if "/uv/tools/" in f"{prefix}/":
        return "uv tool"
    if "/pipx/venvs/" in f"{prefix}/":
        return "pipx"
    return "uv" if any(line.startswith("uv =") for line in settings.splitlines()) else "pip"


def with_extra(extra: str, kind: Kind, *, python: str) -> str:
    """Install Styxy with an extra. A package for Debian has none: a second Styxy gets it, in an
    environment of its own, and uses the same daemon.
    """
    what = f"'styxy[{extra}]'"
    return {
        "debian": f"pipx install {what}",
        "uv tool": f"uv tool install --force {what}",
        "pipx": f"pipx install --force {what}",
        "uv": f"uv pip install --python {shlex.quote(python)} {what}",
        "pip": f"{shlex.quote(python)} -m pip install {what}",
    }[kind]


def again(kind: Kind, *, python: str) -> str:
    """Install Styxy again, whatever is there."""
    return {
        "debian": "sudo dpkg -i styxy_*.deb",
        "uv tool": "uv tool install --reinstall --no-cache styxy",
        "pipx": "pipx reinstall styxy",
        "uv": f"uv pip install --python {shlex.quote(python)} --reinstall --no-cache styxy",
        "pip": f"{shlex.quote(python)} -m pip install --force-reinstall --no-cache-dir styxy",
    }[kind]
