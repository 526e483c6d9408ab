"""How the native parts are compiled: sources and flags, in this one place.

The build hook and the tests call what makes the commands; nothing is run here. There are three
parts: the preload library, the seccomp supervisor, and the program that coding agents call. The
first two are the guest's code together with one of the folders that host it; the third borrows
a few of its files. The library is loaded into every program that a user starts, so the flags keep
it to symbols that every libc has, musl included: a preload library that cannot be resolved kills
the program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent


def sources_in(*folders: str) -> tuple[str, ...]:
    """Every C file below `folders`, relative to this one, in a fixed order."""
    found = (path for folder in folders for path in HERE.joinpath(folder).rglob("*.c"))
    return tuple(sorted(str(path.relative_to(HERE)) for path in found))


SOURCES = (*sources_in("preload"), *sources_in("guest"))
"""What every program writes at its start comes first, so that it lies on two pages at most."""
SUPERVISOR_SOURCES = sources_in("guest", "supervisor")
HOOK_SOURCES = (
    *sources_in("hook"),
    "guest/daemon/daemonfile.c",
    "guest/daemon/unix_stream.c",
    "guest/image.c",
    "guest/kernel/proc_files.c",
    "guest/kernel/text.c",
)
DARWIN_HOOK_SOURCES = (
    *(name for name in HOOK_SOURCES if name != "guest/kernel/proc_files.c"),
    "darwin/kernel/process_words.c",
    "darwin/kernel/socket_facts.c",
    "darwin/kernel/sysctl_records.c",
)

LINUX_ALONE = (
    "guest/calls/options.c",
    *sources_in("guest/kernel"),
)
"""What of the guest macOS has files of its own for, in `darwin/`."""
ON_BOTH = ("guest/kernel/address.c", "guest/kernel/text.c")
DARWIN_SOURCES = (
    *sources_in("darwin/program", "darwin/kernel"),
    *(name for name in sources_in("guest") if name in ON_BOTH or name not in LINUX_ALONE),
    "preload/getsockname.c",
    "preload/host_files.c",
)
"""The library for macOS."""

COMPILE_FLAGS = (
    "-std=c11",
    # Not _GNU_SOURCE, under which glibc's prototype of bind takes a union.
    "-D_DEFAULT_SOURCE",
    # Every include is written from here: "guest/kernel/sys.h".
    f"-I{HERE}",
    "-O2",
    "-fPIC",
    "-Wall",
    "-Wextra",
    # No -Werror: a warning that next year's compiler invents must not take interception away.
    # `make check` and the tests add it.
    # Distributions switch these on, and with them symbols like __snprintf_chk, which musl lacks.
    "-U_FORTIFY_SOURCE",
    "-D_FORTIFY_SOURCE=0",
    "-fno-stack-protector",
)

LINK_FLAGS = (
    "-shared",
    # Everything is resolved when the program starts: the dynamic linker must not run at the first
    # bind, which may be in a signal handler or between vfork and exec.
    "-Wl,-z,now",
    "-Wl,-z,noexecstack",
    "-Wl,--no-undefined",
    # Every program that a user starts pays for what follows, so the library is as few mappings and
    # written pages as it can be. The start files of a library look up five symbols and call none.
    "-nostartfiles",
    "-Wl,--hash-style=gnu",
    # To make a dozen addresses read-only again takes a system call, a mapping and a page more. It
    # would protect little: what the calls lead to (real.c) is written after that, as in any hook.
    "-Wl,-z,norelro",
)

ONE_MAPPING = "-Wl,-z,noseparate-code"
"""Code and constants are one mapping, not three. Not every linker knows this (zig's does not)."""

LIBRARY_FLAGS = (
    # In one process there is one image: what is remembered of it needs no section, whose pages
    # would be copied from the file.
    "-DPER_IMAGE=",
)

DARWIN_FLAGS = (
    # No _DEFAULT_SOURCE: libSystem shows everything unless told otherwise.
    "-std=c11",
    # What there is of kernel/ here comes before the guest's: "guest/kernel/sys.h".
    f"-I{HERE / 'darwin' / 'system'}",
    f"-I{HERE}",
    "-O2",
    "-Wall",
    "-Wextra",
    "-fno-stack-protector",
    "-U_FORTIFY_SOURCE",
    "-D_FORTIFY_SOURCE=0",
    # dyld finds nothing in here by name; what is put in the place of libc's is in a section.
    "-fvisibility=hidden",
)

DARWIN_LINK_FLAGS = ("-dynamiclib", "-Wl,-install_name,@rpath/libstyxy.dylib")

OLDEST_MACOS = (11, 0)
"""The first for arm64."""

BOTH_MACS = ("-arch", "arm64", "-arch", "x86_64",
             f"-mmacosx-version-min={'.'.join(map(str, OLDEST_MACOS))}")  # fmt: skip
"""One file for both, which only Apple's clang makes."""

PROGRAM_LINK_FLAGS = ("-pie", "-Wl,-z,now", "-Wl,-z,relro", "-Wl,-z,noexecstack")
"""Not -static, which starts faster: interception would give a static program a supervisor."""

STATIC_LINK_FLAGS = ("-static", "-no-pie", "-s", "-Wl,-z,noexecstack")
"""For the supervisor, which is executed before each static program, gets no supervisor, and is not
slowed down by what others preload. Not every machine has a libc to link so."""


IN_EVERY_LIBC = frozenset({
    "__environ", "__errno_location", "bcmp", "dl_iterate_phdr", "environ", "getauxval", "getenv",
    "htons", "memchr", "memcmp", "memcpy", "memmove", "memset", "mmap", "munmap", "ntohs",
    "strchr", "strcmp", "strcspn", "strlen", "strncmp", "strnlen", "strrchr", "strspn", "strstr",
})  # fmt: skip
"""What the library may use: glibc since 2.17 and musl both have it. Not syscall, which others
replace. Clang makes bcmp of a memcmp; musl's headers have no macro for htons."""

MARKS = ("__asan_default_options", "styxy_guest")
"""What the library exports beside its calls: `preload/other_libraries.c`."""


TABLE = HERE.joinpath("guest", "intercepted.h").read_text(encoding="utf-8")


DARWIN_TABLE = HERE.joinpath("darwin", "program", "interposed.h").read_text(encoding="utf-8")
INTERPOSED = tuple(re.findall(r"^    CALL\((\w+)\)", DARWIN_TABLE, re.MULTILINE))
"""The calls that the library for macOS takes the place of."""


def rows(*kinds: str) -> tuple[str, ...]:
    """Name the intercepted calls whose rows are of some kinds, as the one table has them."""
    return tuple(re.findall(rf"^    (?:{'|'.join(kinds)})\((\w+)", TABLE, re.MULTILINE))


BOTH = rows("BOTH")
EXPORTS = (*rows("BOTH", "LIBRARY", "SPELLING"), *MARKS)
"""Every symbol that the library exports."""


def version_script() -> str:
    """What ld(1) exports. Together with -fvisibility=hidden it would export nothing."""
    return f"{{ global: {' '.join(f'{name};' for name in EXPORTS)} local: *; }};\n"


def sources() -> list[str]:
    """Name every source file of the library, absolute."""
    return [str(HERE / name) for name in SOURCES]


def compile_command(
    out: str, *, cc: str = "cc", extra: Sequence[str] = (), one_mapping: bool = True
) -> list[str]:
    """Make the command that builds the library at `out`; `extra` flags come after ours.

    Without `one_mapping` it loads a little more slowly; build that where the other fails.

    The version script is written to `out` + `.map`, and is of no use after the command has run.
    """
    script = Path(f"{out}.map")
    script.write_text(version_script(), encoding="utf-8")
    link = [*LINK_FLAGS, *([ONE_MAPPING] if one_mapping else []), f"-Wl,--version-script={script}"]
    return [cc, *COMPILE_FLAGS, *LIBRARY_FLAGS, *link, *extra, "-o", out, *sources()]


def darwin_command(
    out: str, *, target: Sequence[str], cc: str = "cc", extra: Sequence[str] = ()
) -> list[str]:
    """Make the command that builds the library for macOS at `out`.

    `target` is `BOTH_MACS` for Apple's clang, and what `zig_target` gives for zig, which has the
    headers of macOS everywhere.
    """
    files = [str(HERE / name) for name in DARWIN_SOURCES]
    named = "-DINTERCEPTED(name)=styxy_##name"
    flags = (*DARWIN_FLAGS, *LIBRARY_FLAGS, named, *DARWIN_LINK_FLAGS)
    return [cc, *target, *flags, *extra, "-o", out, *files]


def darwin_hook_command(
    out: str, *, target: Sequence[str], cc: str = "cc", extra: Sequence[str] = ()
) -> list[str]:
    """Make the command that builds for macOS the program that coding agents call, at `out`."""
    files = [str(HERE / name) for name in DARWIN_HOOK_SOURCES]
    named = f'-DHOOK_VERSION="{version()}"'
    return [cc, *target, *DARWIN_FLAGS, named, *extra, "-o", out, *files]


def zig_target(arch: str) -> tuple[str, ...]:
    """Name one kind of Mac, `arm64` or `x86_64`, as zig does."""
    machine = "aarch64" if arch == "arm64" else arch
    return ("-target", f"{machine}-macos.{'.'.join(map(str, OLDEST_MACOS))}")


def supervisor_command(
    out: str, *, cc: str = "cc", extra: Sequence[str] = (), static: bool = False
) -> list[str]:
    """Make the command that builds the seccomp supervisor, an executable, at `out`.

    A static one starts in half the time; build the other where that fails.
    """
    files = [str(HERE / name) for name in SUPERVISOR_SOURCES]
    link = STATIC_LINK_FLAGS if static else PROGRAM_LINK_FLAGS
    return [cc, *COMPILE_FLAGS, "-pthread", *link, *extra, "-o", out, *files]


def hook_command(out: str, *, cc: str = "cc", extra: Sequence[str] = ()) -> list[str]:
    """Make the command that builds the program that coding agents call, at `out`."""
    files = [str(HERE / name) for name in HOOK_SOURCES]
    named = f'-DHOOK_VERSION="{version()}"'
    return [cc, *COMPILE_FLAGS, named, *PROGRAM_LINK_FLAGS, *extra, "-o", out, *files]


def version() -> str:
    """Read the version of the package, which need not be importable where it is built."""
    text = HERE.parent.joinpath("src", "styxy", "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    assert found, "the package has no version"
    return found[1]


def object_flags(*, extra: Sequence[str] = ()) -> list[str]:
    """Flags for a test program that is linked with the sources themselves, for the sanitizers."""
    return [*COMPILE_FLAGS, *extra]
