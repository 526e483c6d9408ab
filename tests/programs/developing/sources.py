"""Where the programs of this room come from: two folders that `make compat` fills."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.programs.sources import NODE, ROOT, Source

PYTHON = ROOT / ".cache" / "python" / "bin" / "python"
NODE_TOOLS = ROOT / ".cache" / "tools" / "node_modules"


def python_tool(name: str) -> Source:
    """Take a package from PyPI, in the environment of these programs."""

    wanted = _normalised(name)

    def described() -> Path | None:
        places = PYTHON.parent.parent.glob("lib/python3.*/site-packages/*.dist-info")
        return next((each for each in places if _distribution(each) == wanted), None)

    def missing() -> str | None:
        return None if described() else f"{name} is not installed; try: make compat"

    def version() -> str:
        path = described()
        return path.stem.partition("-")[2] if path else "unknown"

    return Source(missing, version)


def npm_tool(name: str) -> Source:
    """Take a package from npm, in the folder of these programs."""
    description = NODE_TOOLS / name / "package.json"

    def missing() -> str | None:
        there = None if description.exists() else f"{name} is not installed; try: make compat"
        return NODE.missing() or there

    return Source(missing, lambda: str(json.loads(description.read_text())["version"]))


def _distribution(path: Path) -> str:
    """Read the name of a package from the folder that describes it."""
    return _normalised(path.name.partition("-")[0])


def _normalised(name: str) -> str:
    """Spell a name as every spelling of it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
