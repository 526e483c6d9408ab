"""A browser that notes what it is to open: what a program opens by itself when it serves.

It stands where programs look for one: in BROWSER (webbrowser of Python, xdg-open(1)), and as
`xdg-open` on PATH.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

BROWSER = """#!/bin/sh
case $1 in
    file://*) cat "${1#file://}" ;;
    *) echo "$1" ;;
esac >> "$OPENED_INTO"
"""
"""A page in a file leads to the server; Jupyter hides its token from the command line so."""

_URL = re.compile(r"https?://[^\s\"'<>]+")


class Browser:
    """A browser of a project's own, and what it was asked to open since the last look."""

    def __init__(self, project: Path) -> None:
        self._folder = project / ".browser"
        self._folder.mkdir()
        self._opened = self._folder / "opened"
        script = self._folder / "xdg-open"
        script.write_text(BROWSER)
        script.chmod(0o755)

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Make the environment of a program that opens this browser."""
        return {
            "BROWSER": str(self._folder / "xdg-open"),
            "OPENED_INTO": str(self._opened),
            "PATH": f"{self._folder}:{given['PATH']}",
        }

    def opened(self) -> str:
        """List the addresses that were opened, one a line."""
        text = self._opened.read_text() if self._opened.exists() else ""
        return "\n".join(_URL.findall(text))

    def forget(self) -> None:
        """Begin anew, before a program is started."""
        self._opened.unlink(missing_ok=True)
