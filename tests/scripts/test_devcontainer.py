"""The feature for dev containers: what it says of itself, and that it installs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from styxy import __version__

ROOT = Path(__file__).parent.parent.parent
FEATURE = ROOT / "share" / "devcontainer"


def install(tmp_path: Path, **options: str) -> subprocess.CompletedProcess[str]:
    """Run the feature's script as the builder of an image does, below a directory."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env |= {"PREFIX": str(tmp_path / "usr"), "PROFILES": str(tmp_path / "profile.d"), **options}
    script = shutil.copy(FEATURE / "install.sh", tmp_path)
    return subprocess.run(["sh", script], env=env, capture_output=True, text=True, check=False)


def test_the_feature_is_of_this_version_and_its_options_are_described() -> None:
    feature = json.loads((FEATURE / "devcontainer-feature.json").read_text())
    assert (feature["id"], feature["version"]) == ("styxy", __version__)
    page = (ROOT / "docs/systems.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(feature["options"])
    script = (FEATURE / "install.sh").read_text()
    assert all(f"${{{name.upper()}:-" in script for name in feature["options"])


def test_a_missing_wheel_is_said_before_anything_is_done(tmp_path: Path) -> None:
    done = install(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("styxy: no wheel beside install.sh; build one there: pip wheel")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "usr").exists()


@pytest.mark.alone  # it builds in the checkout, where other tests look
def test_what_it_installs_runs_and_a_login_shell_is_activated(tmp_path: Path) -> None:
    assert install(tmp_path, SOURCE=str(ROOT)).returncode == 0
    command = tmp_path / "usr" / "bin" / "styxy"
    shown = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"styxy {__version__}\n"
    profile = (tmp_path / "profile.d" / "styxy.sh").read_text()
    assert subprocess.run(["sh", "-c", profile], env={"PATH": "/bin"}, check=False).returncode == 0
