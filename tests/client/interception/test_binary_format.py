"""Where a preload library reaches: dynamic programs, scripts of them, and what it misses."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from styxy.client.interception.binary_format import look_at, which

PT_DYNAMIC, PT_INTERP, PT_NOTE = 2, 3, 4


def program(path: Path, content: bytes, *, mode: int = 0o755) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def elf(*segments: tuple[int, bytes], kind: int = 2) -> bytes:
    """Make a 64-bit ELF file of nothing but program headers (elf(5))."""
    table_end = 64 + 56 * len(segments)
    ident = b"\x7fELF" + bytes([kind, 1 if sys.byteorder == "little" else 2, 1]) + bytes(9)
    fixed = struct.pack("=HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    headers, contents = b"", b""
    for number, content in segments:
        offset = table_end + len(contents)
        headers += struct.pack("=IIQQQQQQ", number, 4, offset, 0, 0, len(content), 0, 8)
        contents += content
    return ident + fixed + headers + contents


def why(path: str) -> str | None:
    missed = look_at(path, {"PATH": "/usr/bin:/bin"}).missed
    return missed.why if missed else None


def test_this_interpreter_is_reached() -> None:
    assert why(sys.executable) is None


def test_a_dynamic_program_is_reached(tmp_path: Path) -> None:
    assert why(program(tmp_path / "p", elf((PT_INTERP, b"/lib/ld.so\0")))) is None


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (elf((PT_DYNAMIC, b"")), 0o755, "statically linked"),
        (elf(), 0o755, "statically linked"),
        (elf((PT_INTERP, b"/ld\0"), (PT_NOTE, b"\4\0\0\0Go\0\0id")), 0o755, "Go program"),
        (elf((PT_INTERP, b"/ld\0")), 0o4755, "privileges other than yours"),
        (elf((PT_INTERP, b"/ld\0"), kind=1), 0o755, "another architecture"),
    ],
)
def test_what_is_missed_is_named(tmp_path: Path, content: bytes, mode: int, reason: str) -> None:
    assert reason in (why(program(tmp_path / "p", content, mode=mode)) or "")


@pytest.mark.parametrize("name", ["php", "php8.2", "php-cgi8.2", "php-fpm8", "phpdbg"])
def test_php_is_reached_in_part(tmp_path: Path, name: str) -> None:
    path = program(tmp_path / name, elf((PT_INTERP, b"/lib/ld.so\0")))
    missed = look_at(path, {}).missed
    assert missed
    assert missed.supervisable
    assert missed.is_partly_reached
    assert not missed.bears_library


@pytest.mark.parametrize("name", ["phpize", "php-config8.2", "phps", "php8.2x", "ephp"])
def test_what_is_called_like_php_is_reached(tmp_path: Path, name: str) -> None:
    assert why(program(tmp_path / name, elf((PT_INTERP, b"/lib/ld.so\0")))) is None


@pytest.mark.parametrize(
    "line", ["#!{0}", "#! {0} -x", "#!/usr/bin/env {0}", "#!/usr/bin/env -S A=1 {0}"]
)
def test_for_a_script_its_interpreter_counts(tmp_path: Path, line: str) -> None:
    static = program(tmp_path / "static", elf())
    assert "static" in (why(program(tmp_path / "s", line.format(static).encode() + b"\n")) or "")


@pytest.mark.parametrize("content", [b"", b"#!", b"#!/nowhere/x\n", b"echo hi\n", b"\x7fELF"])
def test_odd_files_are_no_trouble(tmp_path: Path, content: bytes) -> None:
    look_at(program(tmp_path / "p", content), {})


def test_interpreters_in_a_circle_end(tmp_path: Path) -> None:
    path = tmp_path / "p"
    assert why(program(path, f"#!{path}\n".encode())) is None


def test_a_program_is_found_on_the_path_or_by_its_name(tmp_path: Path) -> None:
    path = program(tmp_path / "p", b"")
    assert which("p", {"PATH": f"/nowhere:{tmp_path}"}) == path
    assert which("p", {"PATH": "/nowhere"}) is None
    assert which(path, {}) == path
    (tmp_path / "p").chmod(0o644)
    assert look_at("p", {"PATH": str(tmp_path)}).path is None
