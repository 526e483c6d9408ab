"""`make sbom`: what a wheel runs with and what is compiled into it, as CycloneDX tells it.

The libraries are those of the lock, read from an environment that has them and the wheel. What no
tool can read there is added: musl, of which the supervisor has a part.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import venv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from scripts.release.compiling import musl
from scripts.release.deb import LOCK
from scripts.release.failure import Failure, ending_well, run
from scripts.release.wheels import ROOT, put, say, source_date
from styxy import __version__


def build(dist: Path) -> Path:
    """Write the bill of the wheel in `dist` for this machine into `dist/sbom`.

    Raises `Failure` if there is no such wheel, or a library of the lock cannot be had.
    """
    if not list(dist.glob(f"styxy-{__version__}-*.whl")):
        raise Failure(f"{dist} has no wheel of styxy {__version__}; try: make wheels")
    with tempfile.TemporaryDirectory(prefix="styxy-sbom-") as scratch:
        say("an environment with the wheel and what the lock names")
        python = environment(Path(scratch, "venv"), dist)
        found = Path(scratch, f"styxy-{__version__}.cdx.json")
        project = str(ROOT / "pyproject.toml")
        words = ["environment", "--output-reproducible", "--pyproject", project]
        env = os.environ | {"SOURCE_DATE_EPOCH": str(source_date())}
        tool = Path(sys.executable).with_name("cyclonedx-py")
        run([str(tool), *words, "--output-file", str(found), str(python)], env=env)
        bill = json.loads(found.read_text(encoding="utf-8"))
        text = json.dumps(completed(bill), indent=2, sort_keys=True)
        found.write_text(f"{text}\n", encoding="utf-8")
        return put(found, dist / "sbom")


def environment(place: Path, dist: Path) -> Path:
    """Make an environment with the wheel, and nothing else; return its interpreter."""
    venv.create(place, symlinks=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    run([*pip, "--require-hashes", "--only-binary=:all:", "-r", str(LOCK)])
    run([*pip, "--no-deps", "--no-index", "--find-links", str(dist), f"styxy=={__version__}"])
    return python


def completed(bill: dict[str, Any]) -> dict[str, Any]:
    """Add the version, which is not in `pyproject.toml`, and what the compiler put into it."""
    root = bill["metadata"]["component"]
    root["version"] = __version__
    needs = {each["ref"]: each for each in bill["dependencies"]}
    mine = needs.setdefault(root["bom-ref"], {"ref": root["bom-ref"]})
    mine["dependsOn"] = sorted({*mine.get("dependsOn", ()), "musl"})
    needs["musl"] = {"ref": "musl"}
    bill["components"] = [*bill["components"], musl()]
    bill["dependencies"] = [needs[name] for name in sorted(needs)]
    return bill


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where the wheels are")
    return ending_well(partial(_build_from, parser.parse_args(words).dist))


def _build_from(dist: Path) -> None:
    build(dist)


if __name__ == "__main__":
    sys.exit(main())
