"""Looks of short commands: at a real disk at once, at a real dead mount within a deadline."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import styxy
from styxy.adapters.projects.bounded_looks import answers, project_at
from tests.fakes import clean_environment
from tests.hanging_mount import HangingMount

NOWHERE = "/nowhere"

LOOK_HERE = """
import sys
from styxy.adapters.projects.bounded_looks import answers
assert answers("/etc/passwd")
print("styxy.adapters.projects.lookups" in sys.modules)
"""


def test_a_look_at_this_machines_disk_loads_nothing(tmp_path: Path) -> None:
    looked = subprocess.run(
        [sys.executable, "-P", "-c", LOOK_HERE],
        env=clean_environment(PYTHONPATH=str(Path(styxy.__file__).parent.parent)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert looked.stdout == "False\n"
    assert project_at(str(tmp_path), NOWHERE) == str(tmp_path)


def test_a_mount_answers_or_does_not(tmp_path: Path) -> None:
    with HangingMount(tmp_path / "mount") as mount:
        web = f"{mount.path}/shop/web"
        assert answers(web)
        assert answers(f"{mount.path}/missing")
        assert project_at(web, NOWHERE) == f"{mount.path}/shop"
        mount.hang()
        assert not answers(web)
        assert project_at(f"{web}/..", NOWHERE) == f"{mount.path}/shop"
        assert project_at(web, NOWHERE) == web
