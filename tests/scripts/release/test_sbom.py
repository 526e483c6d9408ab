"""The bill of materials (`sbom`): it names every library of the lock, and what is compiled in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from scripts.release.sbom import build
from styxy import __version__
from tests.installed import skip_without_index
from tests.network import outside
from tests.scripts.release.built import (
    GLIBC_X86,
    needs_release_tools,
    wheel_for,
)
from tests.scripts.release.test_lock import locked

ROOT = Path(__file__).parents[3]


def test_without_a_wheel_the_next_step_is_said(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "scripts.release.sbom", "--dist", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("; try: make wheels\n")


@pytest.mark.slow
@needs_release_tools
def test_the_bill_has_each_library_of_the_lock_and_musl(tmp_path: Path) -> None:
    skip_without_index()
    shutil.copy(wheel_for(GLIBC_X86), tmp_path)
    with outside():
        text = build(tmp_path).read_text(encoding="utf-8")
    bill = json.loads(text)
    named = {each["name"].replace("_", "-"): each.get("version") for each in bill["components"]}
    assert named == {**locked("running", here=True), "musl": None}
    assert bill["metadata"]["component"]["version"] == __version__
    (mine,) = [each for each in bill["dependencies"] if each["ref"] == "root-component"]
    assert "musl" in mine["dependsOn"]
    assert str(tmp_path) not in text


@pytest.mark.slow
@needs_release_tools
def test_the_wheel_itself_says_what_is_compiled_into_it() -> None:
    with ZipFile(wheel_for(GLIBC_X86)) as wheel:
        (name,) = [each for each in wheel.namelist() if each.endswith(".cdx.json")]
        bill = json.loads(wheel.read(name))
    assert name == f"styxy-{__version__}.dist-info/sboms/styxy-compiled-in.cdx.json"  # PEP 770
    assert [each["name"] for each in bill["components"]] == ["musl"]
    assert bill["metadata"]["component"]["version"] == __version__
