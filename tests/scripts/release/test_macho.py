"""Reading Mach-O as far as a release promises something of it (`macho`), from bytes made here."""

from __future__ import annotations

import struct
from pathlib import Path

from native.build import INTERPOSED
from scripts.release import macho
from scripts.release.targets import HOOK, MACOS_LIBRARY, MACS

DATA, INTERPOSE = 0x4000, 0x4100


def padded(text: bytes) -> bytes:
    """A text of a load command."""
    return text + bytes(8 - len(text) % 8)


def named(command: int, name: str) -> bytes:
    """A load command with the name of a library."""
    text = padded(name.encode())
    return struct.pack("<6I", command, 24 + len(text), 24, 0, 0, 0) + text


def binding(calls: list[str]) -> bytes:
    """What tells dyld to write each call behind ours."""
    said = b"\x11\x51"  # the first library, pointers
    for number, call in enumerate(calls):
        offset = INTERPOSE - DATA + 16 * number + 8
        where = bytes([0x70, offset & 0x7F | 0x80, offset >> 7])
        said += b"\x40" + f"_{call}".encode() + b"\0" + where + b"\x90"
    return said + b"\0"


def binary(arch: str, kind: int, calls: list[str], *, library: str = macho.SYSTEM) -> bytes:
    """A file with the load commands that are read, and nothing behind them."""
    said = binding(calls)
    section = struct.pack("<16s16s2Q6I2I", b"__interpose", b"__DATA", INTERPOSE, 16 * len(calls),
                          *([0] * 8))  # fmt: skip
    segment = struct.pack("<2I16s4Q4I", 0x19, 152, b"__DATA", DATA, 0x4000, 0, 0, 0, 0, 1, 0)
    commands = [
        segment + section,
        named(0xD, f"@rpath/{MACOS_LIBRARY}"),
        named(0xC, library),
        struct.pack("<6I", 0x32, 24, 1, 11 << 16, 0, 0),
        struct.pack("<4I", 0x1D, 16, 0, 0),
    ]
    at = 32 + sum(map(len, commands)) + 48
    commands.append(struct.pack("<12I", 0x80000022, 48, 0, 0, at, len(said), *([0] * 6)))
    text = b"".join(commands)
    head = struct.pack("<8I", 0xFEEDFACF, macho.CPUS[arch][0], 0, kind, len(commands), len(text),
                       0, 0)  # fmt: skip
    return head + text + said


def wheel_parts(folder: Path, library: dict[str, bytes]) -> Path:
    """What is compiled for the first kind of Mac."""
    folder.joinpath(MACOS_LIBRARY).write_bytes(macho.joined(library))
    folder.joinpath(HOOK).write_bytes(binary(MACS[0].machine, 2, []))
    return folder


def library_with(calls: list[str], *, needs: str = macho.SYSTEM) -> dict[str, bytes]:
    """The library of both Macs."""
    return {arch: binary(arch, 6, calls, library=needs) for arch in macho.CPUS}


def test_what_is_as_it_is_promised_has_no_problem(tmp_path: Path) -> None:
    folder = wheel_parts(tmp_path, library_with([*INTERPOSED]))
    assert list(macho.problems_of(folder, MACS[0])) == []


def test_the_files_of_both_macs_are_found_in_one() -> None:
    parts = macho.parts_of(macho.joined(library_with(["bind", "listen"])))
    assert [each.interposed() for each in parts.values()] == [["bind", "listen"]] * 2
    assert [each.cpu for each in parts.values()] == [cpu for cpu, _ in macho.CPUS.values()]


def test_a_call_that_is_missing_or_too_many_is_seen(tmp_path: Path) -> None:
    calls = [*INTERPOSED[1:], "close"]
    said = list(macho.problems_of(wheel_parts(tmp_path, library_with(calls)), MACS[0]))
    assert f"{MACOS_LIBRARY} takes the place of close, against its table" in said
    assert f"{MACOS_LIBRARY} does not take the place of {INTERPOSED[0]}" in said


def test_another_library_and_another_mac_are_seen(tmp_path: Path) -> None:
    strange = library_with([*INTERPOSED], needs="/opt/homebrew/lib/libuv.dylib")
    said = list(macho.problems_of(wheel_parts(tmp_path, strange), MACS[1]))
    assert f"{MACOS_LIBRARY} needs /opt/homebrew/lib/libuv.dylib, not {macho.SYSTEM} alone" in said
    assert f"{HOOK} is not for x86_64" in said
