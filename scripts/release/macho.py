"""Mach-O, the format of macOS's programs and libraries: reading what is promised, and joining.

Read are the headers, the load commands, and where dyld(1) binds a symbol (`<mach-o/loader.h>`). A
file for several architectures (`<mach-o/fat.h>`) is their files, one behind the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from native.build import INTERPOSED
from scripts.release.targets import HOOK, MACOS_ARCHITECTURES, MACOS_LIBRARY, OLDEST_MACOS, Target

SYSTEM = "/usr/lib/libSystem.B.dylib"
"""The one library that ours may need: it is in every macOS, and the only stable interface."""

CPUS = {"x86_64": (0x01000007, 3), "arm64": (0x0100000C, 0)}
"""The type of each architecture, and the subtype that means all of them."""

_FAT, _MACHO_64 = 0xCAFEBABE, 0xFEEDFACF
_ALIGNMENT = 14  # 2 ** 14 bytes, the pages of arm64
_DYLIB, _EXECUTE = 6, 2
_SEGMENT, _LOAD, _ID, _BUILD, _DYLD_INFO, _SIGNATURE = 0x19, 0xC, 0xD, 0x32, 0x80000022, 0x1D
_POINTER = 8


@dataclass(kw_only=True, slots=True)
class Binary:
    """One architecture's file, as far as it was read."""

    cpu: int
    kind: int
    install_name: str = ""
    is_signed: bool = False
    oldest_macos: tuple[int, int] = (0, 0)
    libraries: list[str] = field(default_factory=list)
    segments: list[tuple[str, int, int]] = field(default_factory=list)
    """Each with its address and size."""
    sections: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By `SEGMENT,section`: the address and the size."""
    bound: dict[int, str] = field(default_factory=dict)
    """The symbol that dyld writes to each address."""

    def interposed(self) -> list[str]:
        """Name the calls that dyld is told to replace, one for each pair."""
        start, size = self.sections.get("__DATA,__interpose", (0, 0))
        pairs = range(start, start + size, 2 * _POINTER)
        return [self.bound.get(at + _POINTER, "nothing").removeprefix("_") for at in pairs]


def joined(thin: Mapping[str, bytes]) -> bytes:
    """Join the files of several architectures into one, as lipo(1) does."""
    step = 1 << _ALIGNMENT
    head = struct.pack(">II", _FAT, len(thin))
    body, at = b"", step
    for arch, content in thin.items():
        head += struct.pack(">5I", *CPUS[arch], at, len(content), _ALIGNMENT)
        padded = content + bytes(-len(content) % step)
        body += padded
        at += len(padded)
    return head + bytes(step - len(head)) + body[: at - step]


def parts_of(content: bytes) -> dict[int, Binary]:
    """Read a file for one architecture or several, by the type of each."""
    (magic,) = struct.unpack_from(">I", content)
    if magic != _FAT:
        thin = read(content)
        return {thin.cpu: thin}
    (count,) = struct.unpack_from(">I", content, 4)
    found = {}
    for number in range(count):
        cpu, _, at, size, _ = struct.unpack_from(">5I", content, 8 + 20 * number)
        found[cpu] = read(content[at : at + size])
    return found


def read(content: bytes) -> Binary:
    """Read one architecture's file. Raises `ValueError` if it is none."""
    magic, cpu, _, kind, count, _ = struct.unpack_from("<6I", content)
    if magic != _MACHO_64:
        raise ValueError("no Mach-O of 64 bits")
    found = Binary(cpu=cpu, kind=kind)
    at, binding = 32, b""
    for _ in range(count):
        command, size = struct.unpack_from("<2I", content, at)
        text = content[at : at + size]
        if command == _SEGMENT:
            _read_segment(text, found)
        elif command in (_LOAD, _ID):
            (start,) = struct.unpack_from("<I", text, 8)
            name = text[start:].partition(b"\0")[0].decode()
            if command == _ID:
                found.install_name = name
            else:
                found.libraries.append(name)
        elif command == _BUILD:
            _, _, _, version = struct.unpack_from("<4I", text)
            found.oldest_macos = (version >> 16, version >> 8 & 0xFF)
        elif command == _SIGNATURE:
            found.is_signed = True
        elif command == _DYLD_INFO:
            start, length = struct.unpack_from("<2I", text, 16)
            binding = content[start : start + length]
        at += size
    found.bound = dict(_bound(binding, found))
    return found


def _read_segment(text: bytes, found: Binary) -> None:
    name, address, size = struct.unpack_from("<16s2Q", text, 8)
    segment = name.rstrip(b"\0").decode()
    found.segments.append((segment, address, size))
    (count,) = struct.unpack_from("<I", text, 64)
    for number in range(count):
        section, _, start, length = struct.unpack_from("<16s16s2Q", text, 72 + 80 * number)
        found.sections[f"{segment},{section.rstrip(bytes(1)).decode()}"] = (start, length)


def _bound(opcodes: bytes, found: Binary) -> Iterator[tuple[int, str]]:
    """Run the program that tells dyld where each symbol belongs (BIND_OPCODE_...)."""
    at, address, symbol = 0, 0, ""

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = opcodes[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(opcodes):
        opcode, immediate = opcodes[at] & 0xF0, opcodes[at] & 0x0F
        at += 1
        if opcode in (0x20, 0x60):  # the library, the addend
            number()
        elif opcode == 0x40:
            symbol = opcodes[at:].partition(b"\0")[0].decode()
            at += len(symbol) + 1
        elif opcode == 0x70:
            address = found.segments[immediate][1] + number()
        elif opcode == 0x80:
            address = address + number() & 0xFFFFFFFFFFFFFFFF
        elif opcode in (0x90, 0xA0, 0xB0):
            yield address, symbol
            address += _POINTER
            if opcode == 0xA0:
                address = address + number() & 0xFFFFFFFFFFFFFFFF
            elif opcode == 0xB0:
                address += immediate * _POINTER
        elif opcode == 0xC0:
            times, skip = number(), number()
            for _ in range(times):
                yield address, symbol
                address += _POINTER + skip


def problems_of(folder: Path, target: Target) -> Iterator[str]:
    """Say what is wrong with the parts of a wheel for macOS."""
    library = parts_of(folder.joinpath(MACOS_LIBRARY).read_bytes())
    for arch in MACOS_ARCHITECTURES:
        if CPUS[arch][0] not in library:
            yield f"{MACOS_LIBRARY} is not for {arch}"
    for found in library.values():
        yield from _problems_of_binary(found, MACOS_LIBRARY, _DYLIB)
        for name in sorted({*found.interposed()} - {*INTERPOSED}):
            yield f"{MACOS_LIBRARY} takes the place of {name}, against its table"
        for name in sorted({*INTERPOSED} - {*found.interposed()}):
            yield f"{MACOS_LIBRARY} does not take the place of {name}"
        if len(found.interposed()) != len(INTERPOSED):
            yield f"{MACOS_LIBRARY} has {len(found.interposed())} pairs for {len(INTERPOSED)} calls"
        if found.install_name != f"@rpath/{MACOS_LIBRARY}":
            yield f"{MACOS_LIBRARY} calls itself {found.install_name}"
    hook = parts_of(folder.joinpath(HOOK).read_bytes())
    if {*hook} != {CPUS[target.machine][0]}:
        yield f"{HOOK} is not for {target.machine}"
    for found in hook.values():
        yield from _problems_of_binary(found, HOOK, _EXECUTE)


def _problems_of_binary(found: Binary, name: str, kind: int) -> Iterator[str]:
    if found.kind != kind:
        yield f"{name} is of the kind {found.kind}, not {kind}"
    if found.libraries != [SYSTEM]:
        yield f"{name} needs {', '.join(found.libraries) or 'nothing'}, not {SYSTEM} alone"
    if found.cpu == CPUS["arm64"][0] and not found.is_signed:
        yield f"{name} is not signed, and the kernel of an arm64 Mac runs nothing else"
    if found.oldest_macos != OLDEST_MACOS:
        yield f"{name} needs macOS {found.oldest_macos[0]}.{found.oldest_macos[1]}"
