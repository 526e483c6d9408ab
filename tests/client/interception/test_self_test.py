"""The proof that interception works here: real libraries, good and broken, and its memory.

Also tests `trial`.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from styxy.client.interception import self_test as proof
from styxy.core.errors import Unavailable
from tests.commands import CommandLine
from tests.fakes import clean_environment
from tests.native.guest import library


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The library, in a directory of its own."""
    return Path(shutil.copy(library(), tmp_path / "libstyxy.so"))


def compiled(path: Path, text: str) -> Path:
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)], input=text.encode(), check=True
    )
    return path


def test_a_bind_is_moved_without_any_daemon(copy: Path) -> None:
    bind = proof.stand_in(str(copy))
    assert bind.was_moved
    assert bind.was_loaded
    assert bind.complaint == ""


def test_what_was_proved_is_remembered_for_this_library(copy: Path) -> None:
    proof.ensure(str(copy))
    note = Path(f"{copy}.proof")
    assert note.stat().st_mode & 0o777 == 0o600
    before = note.stat().st_mtime_ns
    proof.ensure(str(copy))
    assert note.stat().st_mtime_ns == before
    note.write_text("another boot\n")
    proof.ensure(str(copy))
    assert note.read_text() != "another boot\n"


@pytest.mark.parametrize("damage", ["truncated", "no library"])
def test_a_library_that_cannot_be_loaded_is_given_to_nobody(copy: Path, damage: str) -> None:
    copy.write_bytes(copy.read_bytes()[:200] if damage == "truncated" else b"text")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        proof.ensure(str(copy))
    assert not Path(f"{copy}.proof").exists()


def test_a_library_that_moves_nothing_is_found_out(tmp_path: Path) -> None:
    other = compiled(tmp_path / "libstyxy.so", "int nothing;")
    with pytest.raises(Unavailable, match="is loaded, and a bind of the busy port"):
        proof.ensure(str(other))


def test_a_library_that_kills_programs_is_found_out(tmp_path: Path) -> None:
    text = "#include <stdlib.h>\n__attribute__((constructor)) static void end(void) { abort(); }"
    with pytest.raises(Unavailable, match="interception does not work here"):
        proof.ensure(str(compiled(tmp_path / "libstyxy.so", text)))


def test_a_place_that_cannot_be_written_is_proved_each_time(copy: Path) -> None:
    Path(f"{copy}.proof").mkdir()
    proof.ensure(str(copy))


def test_the_real_daemon_moves_it_and_keeps_nothing(styxy: CommandLine, copy: Path) -> None:
    styxy.run("daemon", "start", "-d")
    env = clean_environment(STYXY_HOME=str(styxy.home))
    bind = proof.ask_daemon(str(copy), env, project=str(styxy.home))
    assert bind.was_moved
    assert 9870 <= bind.got <= 9899
    assert styxy.json("list")["allocations"] == []
    assert styxy.json("reassignments")["reassignments"] == []
