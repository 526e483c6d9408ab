"""How a program gets the library before it starts: by ld.so(8) on Linux, by dyld(1) on macOS.

Each is told by a list in one variable, which may have entries of others. Everything that a command
starts may ask, so this imports nothing heavy.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Preloading:
    """One system's way: the variable, the library's file name, and what stands between entries.

    `strangers` are the characters that a path in the list cannot have.
    """

    __slots__ = ("library", "separators", "strangers", "variable")

    def __init__(self, variable: str, library: str, *, separators: str, strangers: str) -> None:
        self.variable = variable
        self.library = library
        self.separators = separators
        self.strangers = strangers

    def entries(self, env: Mapping[str, str]) -> list[str]:
        """Return the paths in the list of an environment."""
        value = env.get(self.variable, "")
        for separator in self.separators:
            value = value.replace(separator, ":")
        return [entry for entry in value.split(":") if entry]

    def others(self, env: Mapping[str, str]) -> list[str]:
        """Return them without Styxy's library, of whatever version."""
        return [each for each in self.entries(env) if os.path.basename(each) != self.library]

    def ours(self, env: Mapping[str, str]) -> list[str]:
        """Return those that are Styxy's library."""
        return [each for each in self.entries(env) if os.path.basename(each) == self.library]

    def set_in(self, env: dict[str, str], entries: list[str]) -> None:
        """Put a list into an environment, or take the variable out where there is nothing in it."""
        if entries:
            env[self.variable] = ":".join(entries)
        else:
            env.pop(self.variable, None)


LINUX = Preloading("LD_PRELOAD", "libstyxy.so", separators=" \t\n", strangers=" :\t\n")
MACOS = Preloading("DYLD_INSERT_LIBRARIES", "libstyxy.dylib", separators="", strangers=":")


def preloading_on(platform: str) -> Preloading:
    """Choose the way of a system, as `sys.platform` names it."""
    return MACOS if platform == "darwin" else LINUX


HERE = preloading_on(sys.platform)
