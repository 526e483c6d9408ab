"""What `symbols` finds wrong with a part: here with programs that this machine's compiler makes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.release import symbols
from scripts.release.failure import Failure
from scripts.release.symbols import problems_of
from scripts.release.targets import LIBRARY, PARTS
from tests.native.guest import compiled, library
from tests.scripts.release.built import GLIBC_ARM, GLIBC_X86, MUSL_X86

PROGRAM = "int main(void) { return 0; }"
GREEDY = "#include <unistd.h>\nlong bind(void) { return syscall(1); }"

pytestmark = pytest.mark.skipif(
    "x86_64" not in __import__("os").uname().machine or not shutil.which("readelf"),
    reason="this is no x86-64 machine with readelf(1)",
)


def test_a_program_of_this_machine_needs_a_newer_glibc() -> None:
    """Programs that are linked with glibc 2.34 or newer start by a symbol of that version."""
    assert list(problems_of(compiled(PROGRAM), GLIBC_X86)) == ["program needs glibc 2.34"]


def test_a_program_with_another_libc_is_seen() -> None:
    said = list(problems_of(compiled(PROGRAM), MUSL_X86))
    assert "program needs libc.so.6" in said


def test_a_program_for_another_machine_is_seen() -> None:
    assert "program is not for aarch64" in problems_of(compiled(PROGRAM), GLIBC_ARM)


def test_the_library_that_this_machine_builds_is_in_order() -> None:
    assert list(problems_of(library(), GLIBC_X86)) == []


def test_a_symbol_that_not_every_libc_has_is_seen_and_so_is_a_missing_one(tmp_path: Path) -> None:
    greedy = tmp_path / LIBRARY
    shutil.copy(compiled(GREEDY, "-shared", "-fPIC", "-nostartfiles"), greedy)
    said = list(problems_of(greedy, GLIBC_X86))
    assert f"{LIBRARY} needs syscall, which not every libc has" in said
    assert f"{LIBRARY} lacks connect" in said
    assert f"{LIBRARY} lacks bind" not in said


def test_a_release_with_a_wrong_part_fails_with_all_that_is_wrong(tmp_path: Path) -> None:
    for name in PARTS:
        shutil.copy(library() if name == LIBRARY else compiled(PROGRAM), tmp_path / name)
    with pytest.raises(Failure) as failed:
        symbols.check(tmp_path, GLIBC_X86)
    assert str(failed.value).splitlines() == [
        "manylinux_2_17_x86_64 would be no true tag:",
        "styxy-seccomp needs glibc 2.34",
        "styxy-hook needs glibc 2.34",
    ]
