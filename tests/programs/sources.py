"""Where real programs come from: whether one is here, which version, and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NODE_MODULES = ROOT / ".cache" / "programs" / "node_modules"

_PATIENCE = 60.0  # seconds for a program to tell its version


@dataclass(frozen=True, slots=True)
class Source:
    """Tell why a program cannot be had (None: it can), and the version of one that can."""

    missing: Callable[[], str | None]
    version: Callable[[], str]


PYTHON_ITSELF = Source(lambda: None, platform.python_version)


def needing(source: Source, *others: Source) -> Source:
    """Take a program that needs others, too; the version is its own."""

    def missing() -> str | None:
        return next(filter(None, (each.missing() for each in (source, *others))), None)

    return Source(missing, source.version)


def module(name: str, *, get: str = "make test") -> Source:
    """Take a Python package from the environment that the tests run in."""

    def missing() -> str | None:
        return None if importlib.util.find_spec(name) else f"{name} is not installed; try: {get}"

    return Source(missing, lambda: importlib.metadata.version(name))


def command(name: str, *words: str, package: str) -> Source:
    """Take a program from PATH; `name` with `words` prints its version."""

    def missing() -> str | None:
        if shutil.which(name):
            return None
        return f"{name} is not installed; try: apt-get install {package}"

    def version() -> str:
        done = subprocess.run(
            [name, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=_PATIENCE, check=False,
        )  # fmt: skip
        found = re.search(r"\d+(?:\.\d+)+", done.stdout)
        return found[0] if found else "unknown"

    return Source(missing, version)


def static(name: str, *, package: str) -> Source:
    """Take a program from PATH that is linked statically; it tells its version unasked."""
    any_kind = command(name, package=package)

    def missing() -> str | None:
        path = shutil.which(name)
        # A dynamic program names its loader in its first segments (elf(5), PT_INTERP).
        if path and b"/ld-" in Path(path).read_bytes()[:4096]:
            return f"{name} is not static here; try: apt-get install {package}"
        return any_kind.missing()

    return Source(missing, any_kind.version)


NODE = command("node", "--version", package="nodejs")


def npm(name: str, *, get: str = "make compat") -> Source:
    """Take a package from npm, for Node."""
    description = NODE_MODULES / name / "package.json"

    def missing() -> str | None:
        there = None if description.exists() else f"{name} is not installed; try: {get}"
        return NODE.missing() or there

    return Source(missing, lambda: str(json.loads(description.read_text())["version"]))
