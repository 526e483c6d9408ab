"""What installs Styxy, by how this one was installed: the commands that messages name.

A message that names pip is no help where there is none: uv makes environments without it, and the
environment of a package for Debian belongs to the package. Nor is one that names the package index
where Styxy came from a checkout: an installer would look there for another Styxy, or find none.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    Kind = Literal["uv tool", "pipx", "debian", "uv", "pip", "ensurepip", "outer pip"]

PACKAGE_PREFIX = "/usr/lib/styxy"
"""Where the package for Debian has its environment."""

LEFT_BY = {"uv-receipt.toml": "uv tool", "pipx_metadata.json": "pipx"}
"""What an installer of tools keeps in each environment, wherever its user wants them
(UV_TOOL_DIR, PIPX_HOME)."""

LIBRARIES = {"mcp": "mcp", "portable": "psutil", "tui": "textual"}
"""Each extra for users, and a module that is there with it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where Styxy came from: a path or an address; the package index if it is empty."""

    place: str = ""
    is_editable: bool = False

    def requirement(self, extras: Iterable[str] = ()) -> str:
        """Write it as every installer reads it (PEP 508), quoted for a shell."""
        more = ",".join(extras)
        name = f"styxy[{more}]" if more else "styxy"
        if not self.place:
            what = name
        elif "://" in self.place:
            what = f"{name} @ {self.place}"
        else:
            what = f"{self.place}[{more}]" if more else self.place
        return f"-e {shlex.quote(what)}" if self.is_editable else shlex.quote(what)


def source_of(record: str | None) -> Source:
    """Read the record of an installation from elsewhere than the index (PEP 610).

    Files that are not there any more are of no help.
    """
    content = json.loads(record) if record else {}
    if not isinstance(content, dict):
        return Source()
    url = content.get("url", "")
    if (parts := urlsplit(url)).scheme == "file" and "vcs_info" not in content:
        path = unquote(parts.path)
        is_editable = content.get("dir_info", {}).get("editable") is True
        return Source(path, is_editable) if os.path.exists(path) else Source()
    vcs = content.get("vcs_info", {})
    revision = vcs.get("requested_revision")
    before, after = (f"{vcs['vcs']}+" if vcs else ""), (f"@{revision}" if revision else "")
    return Source(f"{before}{url}{after}") if url else Source()


def kind_of(prefix: str) -> Kind:
    """Tell what made an environment, by what it has left in its directory."""
    if prefix == PACKAGE_PREFIX:
        return "debian"
    for name, kind in LEFT_BY.items():
        if os.path.exists(os.path.join(prefix, name)):
            return "uv tool" if kind == "uv tool" else "pipx"
    try:
        with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
            is_of_uv = any(line.startswith("uv =") for line in file)
    except OSError:
        return "pip"  # ENOENT: no virtual environment
    return "uv" if is_of_uv else "pip"


def with_extra(
    extra: str, kind: Kind, *, python: str, source: Source, present: Iterable[str] = ()
) -> str:
    """Install Styxy with an extra, and with those that are there, which some installers would
    remove. A package for Debian has none: a second Styxy gets it, in an environment of its own,
    and uses the same daemon.
    """
    all_of_them = source.requirement(sorted({extra, *present}))
    what = source.requirement([extra])
    return {
        "debian": f"pipx install {Source().requirement([extra])}",
        "uv tool": f"uv tool install --force {all_of_them}",
        "pipx": f"pipx install --force {all_of_them}",
    }.get(kind) or f"{_pip(kind, python)} install {_where(kind, python)}{what}"


def again(kind: Kind, *, python: str, source: Source) -> str:
    """Install Styxy again, whatever is there."""
    anew = "--reinstall --no-cache" if kind == "uv" else "--force-reinstall --no-cache-dir"
    return {
        "debian": "sudo dpkg -i styxy_*.deb",
        "uv tool": "uv tool upgrade --reinstall --no-cache styxy",
        "pipx": "pipx reinstall styxy",
    }.get(kind) or (
        f"{_pip(kind, python)} install {_where(kind, python)}{anew} {source.requirement()}"
    )


def _pip(kind: Kind, python: str) -> str:
    quoted = shlex.quote(python)
    return {
        "uv": "uv pip",
        "ensurepip": f"{quoted} -m ensurepip && {quoted} -m pip",
        "outer pip": f"pip --python {quoted}",
    }.get(kind, f"{quoted} -m pip")


def _where(kind: Kind, python: str) -> str:
    return f"--python {shlex.quote(python)} " if kind == "uv" else ""
