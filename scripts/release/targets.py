"""The machines that a release has a wheel for: what zig calls each, and what pip calls it.

The oldest C library that is promised is named here and nowhere else: zig links against it, the
platform tag (PEP 600, PEP 656) says it to pip, and `symbols.py` holds what was built to it.
"""

from __future__ import annotations

from dataclasses import dataclass

OLDEST_GLIBC = (2, 17)
"""That of manylinux2014: every distribution that has Python 3.11 has a newer one."""

OLDEST_MUSL = (1, 2)
"""Of 2020, in Alpine 3.13; since then `time_t` has 64 bits everywhere."""

OLDEST_MACOS = (11, 0)
"""Of 2020, the first for arm64; `native/build.py` says it to the compiler."""

LIBRARY = "libstyxy.so"
MACOS_LIBRARY = "libstyxy.dylib"
SUPERVISOR = "styxy-seccomp"
HOOK = "styxy-hook"
PARTS = (LIBRARY, SUPERVISOR, HOOK)
"""What `native/build.py` makes, by the names in the wheel."""
MACOS_PARTS = (MACOS_LIBRARY, HOOK)
MACOS_ARCHITECTURES = ("arm64", "x86_64")
"""Both are in the library of each wheel: on an arm64 Mac programs of x86-64 run, too (Rosetta), and
dyld ends a program into which it cannot load what is to be inserted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One machine and C library."""

    machine: str
    """As uname(1), pip and zig name it."""
    libc: str
    """`gnu` or `musl`; `macos` where it is libSystem."""
    tag: str
    """The platform tag of the wheel."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names in the wheel of what is compiled."""
        return MACOS_PARTS if self.libc == "macos" else PARTS

    @property
    def triple(self) -> str:
        """What `zig cc -target` wants, with the version of glibc to link against."""
        if self.libc == "musl":
            return self.static_triple
        return f"{self.machine}-linux-gnu.{'.'.join(map(str, OLDEST_GLIBC))}"

    @property
    def static_triple(self) -> str:
        """The same for a static program. Zig has musl for that, and no static glibc."""
        return f"{self.machine}-linux-musl"


def _target(machine: str, libc: str) -> Target:
    major, minor = OLDEST_MUSL if libc == "musl" else OLDEST_GLIBC
    family = "musllinux" if libc == "musl" else "manylinux"
    return Target(machine=machine, libc=libc, tag=f"{family}_{major}_{minor}_{machine}")


TARGETS = tuple(
    _target(machine, libc) for libc in ("gnu", "musl") for machine in ("x86_64", "aarch64")
)

MACS = tuple(
    Target(machine=arch, libc="macos", tag="macosx_{}_{}_{}".format(*OLDEST_MACOS, arch))
    for arch in MACOS_ARCHITECTURES
)
