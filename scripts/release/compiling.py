"""Compile the native parts for another machine, with the zig that PyPI has as `ziglang`.

Zig brings the headers and the symbols of every glibc since 2.17 and of musl, so that one machine
builds for all. The commands are those of `native/build.py` as it is in the sources that are built,
with another compiler in front.

The supervisor is static in each wheel: it is executed before every static program, and starts in
half the time so. Musl is then a part of it, whose notice is beside it, as the licence asks.
"""

from __future__ import annotations

import importlib.util
import json
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scripts.release import macho
from scripts.release.failure import Failure
from scripts.release.targets import (
    HOOK,
    LIBRARY,
    MACOS_ARCHITECTURES,
    MACOS_LIBRARY,
    SUPERVISOR,
    Target,
)

MUSL_NOTICE = "styxy-seccomp.musl-copyright"

BILL = "styxy-compiled-in.cdx.json"
"""`hatch_build.py` puts it into the wheel's `.dist-info/sboms` (PEP 770)."""

EXTRA = (
    "-s",  # nobody debugs with the symbols, and they would name the folder of the build
    "-Wno-error",
    "-Wno-unused-command-line-argument",  # -nostartfiles, of which zig knows nothing
)


def zig_folder() -> Path:
    """Find the installed ziglang.

    Raises `Failure` if there is none.
    """
    found = importlib.util.find_spec("ziglang")
    if found is None or found.origin is None:
        raise Failure("ziglang is not installed; try: make wheels, or: pip install ziglang")
    return Path(found.origin).parent


def compile_parts(target: Target, *, sources: Path, out: Path) -> None:
    """Build all parts for a target from the tree `sources` into the new folder `out`.

    Raises `Failure`, with the compiler's words, if one cannot be built.
    """
    zig = zig_folder()
    out.mkdir(parents=True)
    if target.libc == "macos":
        _compile_for_macos(target, sources=sources, out=out)
        return
    for name, triple, words in _commands(target, sources=sources, out=out):
        _run(["-target", triple, *words[1:]], f"{name} for {triple}", sources)
    out.joinpath(f"{LIBRARY}.map").unlink()
    shutil.copyfile(zig / "lib" / "libc" / "musl" / "COPYRIGHT", out / MUSL_NOTICE)
    out.joinpath(BILL).write_text(bill(), encoding="utf-8")


def _run(words: list[str], what: str, sources: Path) -> None:
    command = [sys.executable, "-m", "ziglang", "cc", *words]
    done = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"zig did not build {what}:\n{done.stderr.strip()}")


def _compile_for_macos(target: Target, *, sources: Path, out: Path) -> None:
    """Build the library for every Mac and the hook for this one; there is no supervisor."""
    build = runpy.run_path(str(sources / "native" / "build.py"))
    thin = {}
    for arch in MACOS_ARCHITECTURES:
        draft = out / MACOS_LIBRARY
        aim = build["zig_target"](arch)
        words = build["darwin_command"](str(draft), target=aim, extra=EXTRA)
        _run(words[1:], f"{MACOS_LIBRARY} for {arch}", sources)
        thin[arch] = draft.read_bytes()
    out.joinpath(MACOS_LIBRARY).write_bytes(macho.joined(thin))
    aim = build["zig_target"](target.machine)
    hook = build["darwin_hook_command"](str(out / HOOK), target=aim, extra=EXTRA)
    _run(hook[1:], f"{HOOK} for {target.machine}", sources)


def musl() -> dict[str, Any]:
    """Describe what is compiled in, as a component of CycloneDX."""
    return {
        "bom-ref": "musl",
        "name": "musl",
        "type": "library",
        "description": f"linked into styxy-seccomp, as ziglang {version('ziglang')} has it",
        "licenses": [{"license": {"id": "MIT"}}],
    }


def bill() -> str:
    """Write what a wheel itself has of others' work: the file of PEP 770."""
    from styxy import __version__  # not before it is said that ziglang is missing

    mine = {"bom-ref": "styxy", "name": "styxy", "type": "application", "version": __version__}
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": mine},
        "components": [musl()],
        "dependencies": [{"ref": "musl"}, {"ref": "styxy", "dependsOn": ["musl"]}],
    }
    return f"{json.dumps(content, indent=2, sort_keys=True)}\n"


def _commands(target: Target, *, sources: Path, out: Path) -> Iterator[tuple[str, str, list[str]]]:
    """For each part its name, zig's target, and the command, whose first word is a compiler."""
    build = runpy.run_path(str(sources / "native" / "build.py"))
    # Without a word zig links programs for musl statically.
    dynamic = (*EXTRA, "-dynamic") if target.libc == "musl" else EXTRA
    library = build["compile_command"](str(out / LIBRARY), extra=EXTRA, one_mapping=False)
    supervisor = build["supervisor_command"](str(out / SUPERVISOR), extra=EXTRA, static=True)
    yield LIBRARY, target.triple, library
    yield SUPERVISOR, target.static_triple, supervisor
    yield HOOK, target.triple, build["hook_command"](str(out / HOOK), extra=dynamic)
