"""What kind of binary a program is, as far as it matters for a preload library.

ld.so(8) loads LD_PRELOAD only into dynamic programs of its own kind: not into static ones, and not
where the kernel asks for secure execution (setuid, file capabilities). Go programs call the kernel
themselves, dynamic or not. For a script, its interpreter counts. elf(5), execve(2). And one kind of
program fails at startup if any library is preloaded: see `_REFUSES`; another one has parts that
call libc past it: see `_DEAF`; a third one loses what the library needs: see `_LEAVES_ROOT`.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAD = 64 * 1024  # bytes; program headers and the notes that name Go are in the first few
_MOST_SEGMENTS = 64  # a linker makes a dozen; `native/guest/kernel/elf_kind.c` stops there too
_PT_INTERP = 3
_PT_NOTE = 4
_REFUSES = (b"libasan.so", b"__asan_default_options\0")
"""What gcc's -fsanitize=address needs, and a function by which such a program has defaults of its
own: they stand before those of the preload library, which tell it to bear a library before it."""
_DEAF = ("php", "php-cgi", "php-fpm", "phpdbg")
"""PHP loads its extensions with RTLD_DEEPBIND (dlopen(3)), so that they call libc's own functions,
whatever is preloaded. A version may follow. `native/guest/kernel/elf_kind.c` has the same names."""
_LEAVES_ROOT = ("memcached", "mosquitto", "privoxy")
"""What root starts and becomes another user before it binds, who may neither read the daemon's
files nor ask it. `native/guest/kernel/elf_kind.c` has the same names."""
_SCRIPT_DEPTH = 5  # execve(2): interpreters of interpreters, at most four


class Missed:
    """Why a preload library does not reach a program, and whether a supervisor does.

    `bears_library`: the library may be preloaded all the same, for what the program starts.
    `is_partly_reached`: it sees some of the program's calls, so that it stands in for a supervisor,
    and must not be preloaded beside one.
    """

    __slots__ = ("bears_library", "is_partly_reached", "supervisable", "why")

    def __init__(
        self,
        why: str,
        *,
        supervisable: bool,
        bears_library: bool = True,
        is_partly_reached: bool = False,
    ) -> None:
        self.why = why
        self.supervisable = supervisable
        self.bears_library = bears_library
        self.is_partly_reached = is_partly_reached


class Program:
    """A program's file (None: not found), and why a preload library misses it, if it does."""

    __slots__ = ("missed", "path")

    def __init__(self, path: str | None, missed: Missed | None) -> None:
        self.path = path
        self.missed = missed


def look_at(name: str, env: Mapping[str, str]) -> Program:
    """Find a program as execvp(3) would, and classify it."""
    path = which(name, env)
    if path is None:
        return Program(None, None)
    try:
        return Program(path, _why_missed(path, env, depth=_SCRIPT_DEPTH))
    except OSError:
        return Program(path, None)  # not readable, but perhaps executable: unknown


def which(name: str, env: Mapping[str, str]) -> str | None:
    """Find an executable file on PATH; `shutil.which` costs 10 ms of imports."""
    if "/" in name:
        return name if _is_executable(name) else None
    for directory in os.get_exec_path(env):
        path = os.path.join(directory, name)
        if _is_executable(path):
            return path
    return None


def _is_executable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _why_missed(path: str, env: Mapping[str, str], *, depth: int) -> Missed | None:
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        mode = os.fstat(file.fileno()).st_mode
    if head.startswith(b"#!") and depth:
        interpreter = _interpreter_of(head, env)
        return _why_missed(interpreter, env, depth=depth - 1) if interpreter else None
    if not head.startswith(b"\x7fELF"):
        return None
    if mode & (stat.S_ISUID | stat.S_ISGID) or _has_capabilities(path):
        return Missed(
            "runs with privileges other than yours (setuid or capabilities)", supervisable=False
        )
    if head[4:6] != _own_kind():
        return Missed("is built for another architecture", supervisable=False)
    segments = list(_segments(head))
    if any(kind == _PT_NOTE and b"Go\0\0" in content for kind, content in segments):
        return Missed("is a Go program, which calls the kernel without libc", supervisable=True)
    if not any(kind == _PT_INTERP for kind, _ in segments):
        return Missed("is statically linked", supervisable=True)
    if all(name in head for name in _REFUSES):
        why = "has an address sanitizer that does not tolerate a preloaded library"
        return Missed(why, supervisable=True, bears_library=False)
    if os.path.basename(path).rstrip("0123456789.") in _DEAF:
        why = "has extensions whose calls no preloaded library sees"
        return Missed(why, supervisable=True, bears_library=False, is_partly_reached=True)
    if os.geteuid() == 0 and os.path.basename(path) in _LEAVES_ROOT:
        why = "becomes another user before it binds, who may not ask the daemon"
        return Missed(why, supervisable=True, bears_library=False, is_partly_reached=True)
    return None


def _interpreter_of(head: bytes, env: Mapping[str, str]) -> str | None:
    words = head[2:].split(b"\n", 1)[0].decode(errors="surrogateescape").split()
    if words and os.path.basename(words[0]) == "env":
        # `env -S A=1 node`: the first word that is neither an option nor a variable.
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return which(words[0], env) if words else None


def _has_capabilities(path: str) -> bool:
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError:
        return False  # ENODATA: none; ENOTSUP: a file system that has none


def _own_kind() -> bytes:
    """Return the class and byte order (e_ident[4:6]) of this interpreter."""
    return bytes([2 if sys.maxsize > 2**32 else 1, 1 if sys.byteorder == "little" else 2])


def _segments(head: bytes) -> list[tuple[int, bytes]]:
    """Read type and content of each segment, as far as `head` reaches (elf(5), Elf64_Phdr)."""
    is_64 = head[4] == 2
    word = 8 if is_64 else 4

    def number(at: int, size: int) -> int:
        return int.from_bytes(head[at : at + size], sys.byteorder)

    table, entry_size = number(24 + word, word), 56 if is_64 else 32
    if number(54 if is_64 else 42, 2) != entry_size:
        return []  # as the kernel sees it: not a program for this machine
    count = min(number(56 if is_64 else 44, 2), _MOST_SEGMENTS)
    found = []
    for at in range(table, table + entry_size * count, entry_size):
        offset = number(at + (8 if is_64 else 4), word)
        size = number(at + (32 if is_64 else 16), word)
        found.append((number(at, 4), head[offset : offset + size]))
    return found
