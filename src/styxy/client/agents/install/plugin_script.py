"""opencode's plugin: a file that is ours from the first line to the last."""

from __future__ import annotations

import json
import os
from collections.abc import Collection

from styxy.client.agents.install.entries import Program
from styxy.core.errors import Conflict

MARK = "// Styxy's plugin for opencode"
"""How our file begins, in every version of it."""

_PLACE = '"@HOOK@"'


def script(program: Program) -> str:
    """Write the plugin that calls a program."""
    path = os.path.join(os.path.dirname(__file__), "opencode_plugin.js")
    with open(path, encoding="utf-8") as file:
        return file.read().replace(_PLACE, json.dumps(program.path or "styxy-hook"))


class PluginScript:
    """What the file is to hold. `where` names the file in messages."""

    def __init__(self, program: Program, *, where: str) -> None:
        self._script = script(program)
        self._where = where

    def with_ours(self, text: str | None) -> str:
        """Return the plugin. Raises `Conflict` if somebody else's is in its place."""
        if text is not None and not self.has_ours(text):
            raise Conflict(f"{self._where} is not Styxy's; move it away and try again")
        return self._script

    def without_ours(self, text: str, *, keep: Collection[tuple[str, ...]] = ()) -> str:
        """Return what is left: nothing."""
        del keep  # a script has no parts
        return "" if self.has_ours(text) else text

    def has_ours(self, text: str) -> bool:
        """Tell whether a file is ours."""
        return text.startswith(MARK)

    def is_bare(self, text: str) -> bool:
        """Tell whether a file says nothing."""
        return not text.strip()

    def empty(self, text: str) -> list[tuple[str, ...]]:
        """List no containers: a script has none."""
        del text
        return []
