"""The files of a project: regular ones of a sane size, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from styxy.adapters.projects.project_files import LARGEST, ProjectFiles


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "package.json").write_text('{"scripts": {}}')
    files = ProjectFiles(str(tmp_path))
    assert files.read("web/package.json") == '{"scripts": {}}'
    assert files.read(str(tmp_path / "web" / "package.json")) == '{"scripts": {}}'


def test_bytes_that_are_no_text_stop_nobody(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes(b"dev:\n\tvite \xff\n")
    assert (ProjectFiles(str(tmp_path)).read("Makefile") or "").startswith("dev:")


def test_what_is_no_file_of_a_sane_size_is_not_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(b"x" * (LARGEST + 1))
    (tmp_path / "loop").symlink_to("loop")
    files = ProjectFiles(str(tmp_path))
    for name in ("pipe", "folder", "large", "loop", "absent", "nul\0byte", "/dev/zero"):
        assert files.read(name) is None


def test_directories_are_named_in_order(tmp_path: Path) -> None:
    for name in ("web", "api"):
        (tmp_path / "packages" / name).mkdir(parents=True)
    (tmp_path / "packages" / "README.md").write_text("")
    files = ProjectFiles(str(tmp_path))
    assert files.folders("packages") == ("api", "web")
    assert files.folders("absent") == ()
