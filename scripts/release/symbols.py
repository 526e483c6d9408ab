"""Hold the compiled parts of a release to the C library that its platform tag promises.

The dynamic linker starts nothing that needs a newer version of glibc, and a preloaded library with
a symbol that the program's libc lacks kills the program. readelf(1) of binutils reads the files of
all machines; auditwheel, which looks at the versions too, knows no rule for single symbols.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from native.build import EXPORTS, IN_EVERY_LIBC
from scripts.release import macho
from scripts.release.failure import Failure, run
from scripts.release.targets import LIBRARY, OLDEST_GLIBC, PARTS, Target

MACHINES = {"x86_64": "Advanced Micro Devices X86-64", "aarch64": "AArch64"}
"""What readelf(1) calls them."""

NEEDED = {
    "gnu": {"libc.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"},
    "musl": {"libc.so"},
}
"""The libraries that a program may need; the preload library may need the first of them alone."""

SYMBOL = r"^ +\d+: \w+ +\w+ \w+ +\w+ +\w+ +(\w+) ([^\s@]+)"
"""A line of the symbol table: the section, or UND, and the name without its version."""


def check(folder: Path, target: Target) -> None:
    """Look at the parts in a folder.

    Raises `Failure` with all that does not fit the target, a line each.
    """
    if target.libc == "macos":
        problems = list(macho.problems_of(folder, target))
    else:
        problems = [each for name in PARTS for each in problems_of(folder / name, target)]
    if problems:
        raise Failure(f"{target.tag} would be no true tag:\n" + "\n".join(problems))


def problems_of(part: Path, target: Target) -> Iterator[str]:
    """Say what is wrong with one part."""
    shown = run(["readelf", "-W", "-h", "-l", "-d", "-V", "--dyn-syms", part])
    if f" {MACHINES[target.machine]}\n" not in shown:
        yield f"{part.name} is not for {target.machine}"
    for version in sorted(set(re.findall(r"\bGLIBC_([\d.]+)", shown))):
        if tuple(map(int, version.split("."))) > OLDEST_GLIBC:
            yield f"{part.name} needs glibc {version}"
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", shown))
    for name in sorted(needed - NEEDED[target.libc]):
        yield f"{part.name} needs {name}"
    if re.search(r"GNU_STACK .* RWE", shown):
        yield f"{part.name} has an executable stack"
    if part.name == LIBRARY:
        yield from _problems_of_library(shown)


def _problems_of_library(shown: str) -> Iterator[str]:
    symbols = re.findall(SYMBOL, shown, re.MULTILINE)
    undefined = {name for place, name in symbols if place == "UND"}
    exported = {name for place, name in symbols if place != "UND"}
    for name in sorted(undefined - IN_EVERY_LIBC):
        yield f"{LIBRARY} needs {name}, which not every libc has"
    for name in sorted(exported ^ set(EXPORTS)):
        yield f"{LIBRARY} exports {name}" if name in exported else f"{LIBRARY} lacks {name}"
    if re.search(r"^ +TLS ", shown, re.MULTILINE):
        yield f"{LIBRARY} has thread-local storage"
