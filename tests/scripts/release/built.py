"""What the tests of a release share: its archives, built once for all workers of a run."""

from __future__ import annotations

import functools
import importlib.util
import shutil
from pathlib import Path

import pytest

from scripts.release.targets import TARGETS, Target
from scripts.release.wheels import build
from styxy import __version__
from tests.network import outside
from tests.scratch import once, scratch

TOOLS = ("auditwheel", "check_wheel_contents", "twine", "ziglang")

needs_release_tools = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in TOOLS) or not shutil.which("readelf"),
    reason="what builds a release is not here; try: make release-tools",
)

GLIBC_X86, GLIBC_ARM, MUSL_X86, MUSL_ARM = TARGETS


@functools.cache
def release() -> Path:
    """The folder with the source archive and every wheel."""

    def make(out: Path) -> None:
        with outside():
            build(out)

    return once(scratch() / "release", make)


def wheel_for(target: Target) -> Path:
    """The wheel of one machine."""
    return release() / f"styxy-{__version__}-py3-none-{target.tag}.whl"
