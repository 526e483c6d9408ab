"""`make wheels`: the source archive, and from it a wheel for each machine of `targets.py`.

The same sources and tools make the same bytes: every time stamp is that of the last commit, the
compiler strips what names a folder, and all is built from what the source archive holds. `dist` is
written to when everything is built and checked, and not before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from scripts.release import symbols
from scripts.release.compiling import compile_parts, zig_folder
from scripts.release.failure import Failure, ending_well, run
from scripts.release.targets import MACS, TARGETS, Target

ROOT = Path(__file__).parent.parent.parent


def build(out: Path, *, targets: Sequence[Target] = (*TARGETS, *MACS)) -> list[Path]:
    """Build and check the archive and the wheels, put them into `out`, and return their paths.

    Raises `Failure` at the first step that cannot be done; `out` is then as it was.
    """
    zig_folder()
    env = os.environ | {"SOURCE_DATE_EPOCH": str(source_date())}
    with tempfile.TemporaryDirectory(prefix="styxy-release-") as scratch:
        staging = Path(scratch, "dist")
        say(f"source archive, as of {time.strftime('%F %T', time.gmtime(source_date()))} UTC")
        hatchling("sdist", cwd=ROOT, out=staging, env=env)
        sources = unpacked(next(staging.glob("*.tar.gz")), Path(scratch, "sources"))
        for number, target in enumerate(targets, start=1):
            say(f"wheel {number} of {len(targets)}: {target.tag}")
            parts = Path(scratch, target.tag)
            compile_parts(target, sources=sources, out=parts)
            symbols.check(parts, target)
            more = {"NATIVE_PARTS": str(parts), "_PYTHON_HOST_PLATFORM": target.tag}
            hatchling("wheel", cwd=sources, out=staging, env=env | more)
        built = sorted(staging.iterdir())
        say("twine, check-wheel-contents and auditwheel look at them")
        check(built)
        return [put(path, out) for path in built]


def source_date() -> int:
    """The time of the last commit, or SOURCE_DATE_EPOCH, in seconds since 1970.

    Raises `Failure` where neither is known.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    words = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    try:
        return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    except (OSError, subprocess.CalledProcessError) as failure:
        raise Failure(
            "when the sources were last changed is not known, for this is no git checkout;"
            " try: make wheels SOURCE_DATE_EPOCH=$(date +%s)"
        ) from failure


def hatchling(kind: str, *, cwd: Path, out: Path, env: dict[str, str]) -> None:
    """Build one archive; the versions of hatchling and shtab are those that are installed."""
    run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", out], cwd=cwd, env=env)


def unpacked(archive: Path, into: Path) -> Path:
    """Unpack a source archive and return its one folder."""
    with tarfile.open(archive) as content:
        content.extractall(into, filter="data")
    return into / archive.name.removesuffix(".tar.gz")


def check(built: Iterable[Path]) -> None:
    """Let the usual tools look at what would be uploaded.

    Raises `Failure` with the words of the first that finds something.
    """
    run([sys.executable, "-m", "twine", "check", "--strict", *built])
    wheels = [path for path in built if path.suffix == ".whl"]
    run([Path(sys.executable).with_name("check-wheel-contents"), *wheels])
    for wheel in wheels:
        if "-macosx_" not in wheel.name:  # `symbols.check` has looked at those
            check_platform(wheel)


def check_platform(wheel: Path) -> None:
    """Raise `Failure` unless auditwheel finds that the wheel runs where its name says.

    It knows musl by Alpine's name alone; musl itself has the one that is in our parts, and takes
    each for its own. The search for libraries goes to no folder of this machine.
    """
    named = wheel.stem.rpartition("-")[2]
    words = ["show", "--json", "--ldpaths", str(wheel.parent), str(wheel)]
    shown = json.loads(run([sys.executable, "-m", "auditwheel", *words]))
    strange = set(shown["external_libs"]) - {"libc.so"}
    if shown["sym_tag"] != named or strange or shown["unsupported_isa"]:
        raise Failure(f"auditwheel takes {wheel.name} for another platform's:\n{shown}")


def put(path: Path, out: Path) -> Path:
    """Move a file into `out`, at once and whole, in place of an older one; say what it is."""
    out.mkdir(parents=True, exist_ok=True)
    part = out / f".{path.name}.part"
    shutil.copyfile(path, part)
    digest = hashlib.sha256(part.read_bytes()).hexdigest()
    print(f"{digest}  {part.stat().st_size / 1024:6.0f} KiB  {out.name}/{path.name}")
    return part.rename(out / path.name)


def say(text: str) -> None:
    """Show what is done now, at once."""
    print(text, flush=True)


def warn_of_changes() -> None:
    """Say that what is built is not what is committed, if so."""
    words = ["git", "-C", str(ROOT), "status", "--porcelain"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if changed := len(done.stdout.splitlines()):
        print(f"note: {changed} changed files are not committed; a release is built from a tag")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where to put them")
    asked = parser.parse_args(words)
    warn_of_changes()
    return ending_well(partial(_build_into, asked.out))


def _build_into(out: Path) -> None:
    build(out)


if __name__ == "__main__":
    sys.exit(main())
