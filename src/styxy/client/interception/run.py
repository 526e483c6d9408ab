"""`styxy run`: where the library is installed, a program's environment, and becoming the program.

The program takes over this very process, so its exit status, signals, terminal and pid are its own,
and a lease for this pid is a lease for the program. Anything that goes wrong before is reported in
one line, and the program runs as if Styxy were not there.
"""

from __future__ import annotations

import os
import shlex
import stat

from styxy.adapters.home import open_regular
from styxy.client.daemon import preloading
from styxy.client.daemon.starting import NATIVE_SUPERVISOR, absolute_paths
from styxy.core.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from styxy.adapters.paths import Paths

EXIT_CANNOT_RUN = 126
"""A shell's exit status for a program that exists but cannot be executed (POSIX, 2.8.2)."""

EXIT_NOT_FOUND = 127
"""A shell's exit status for a program that does not exist."""


def own_library(paths: Paths) -> str:
    """Install the library that came with this Styxy; return its path. Raises `Unavailable`."""
    from styxy import __version__

    return install_library(paths, version=__version__, source=packaged(preloading.HERE.library))


def own_supervisor(paths: Paths) -> str:
    """Install the seccomp supervisor beside the library, which looks for it there; return its path.

    Raises `Unavailable`.
    """
    from styxy import __version__

    target = paths.in_home("lib", __version__, NATIVE_SUPERVISOR)
    return _install(paths, packaged(NATIVE_SUPERVISOR), target)


def own_library_and_supervisor(paths: Paths) -> str:
    """Install the library, and beside it the supervisor, if there is one; return the library's
    path.

    The library starts the supervisor for the static programs that its host executes, and leaves
    them alone if it finds none. Raises `Unavailable` if there is no library.
    """
    library = own_library(paths)
    _supervisor_if_any(paths)
    return library


def _supervisor_if_any(paths: Paths) -> str | None:
    try:
        return own_supervisor(paths)
    except Unavailable:
        return None  # programs that call libc are moved all the same


def packaged(name: str) -> str:
    from styxy import __file__

    return os.path.join(os.path.dirname(__file__), "native", name)


def install_library(paths: Paths, *, version: str, source: str) -> str:
    """Copy the native library into the home and return its path.

    The copy outlives the virtual environment that it came from: a missing file in LD_PRELOAD makes
    every command in an activated shell print an error. Raises `Unavailable` if there is no library.
    """
    way = preloading.HERE
    target = paths.in_home("lib", version, way.library)
    installed = _install(paths, source, target)
    if any(character in target for character in way.strangers):
        raise Unavailable(
            f"{way.variable} cannot hold the path {target!r}; set STYXY_HOME to another directory"
        )
    return installed


def _install(paths: Paths, source: str, target: str) -> str:
    """Copy what differs; without a source, an earlier copy of this version will do.

    The contents are compared: files from an archive may all have one time (SOURCE_DATE_EPOCH), and
    reading both takes a twentieth of a millisecond.
    """
    if os.path.lexists(paths.home) and not os.path.lexists(target):
        _make_private(paths)  # the first time; later it is not as we left it
    _refuse_planted(paths, target)
    try:
        with open(source, "rb") as file:
            wanted = file.read()
    except FileNotFoundError:
        if os.path.exists(target):
            return target  # installed by another Styxy of this version that had one
        raise Unavailable(
            "Styxy was installed without its native library (no C compiler?), so nothing "
            "is intercepted; install a compiler, then reinstall Styxy"
        ) from None
    try:
        with open(open_regular(target), "rb") as file:
            is_same = file.read() == wanted
    except OSError:
        is_same = False  # ENOENT: none yet; EACCES, ENOTDIR: copying will report it
    if not is_same:
        _make_private(paths)
        _copy(source, target)
    return target


def _make_private(paths: Paths) -> None:
    # Imported here: it is one run of many that copies.
    from styxy.adapters.home import private_home

    private_home(paths.home)


def _refuse_planted(paths: Paths, target: str) -> None:
    """See that nobody else can replace what programs are about to load: neither the copy, nor a
    directory on its way from the home. Raises `Unavailable`.

    A home that others could write before its first start keeps what they have put there.
    """
    place = target
    while len(place) >= len(paths.home):
        try:
            status = os.lstat(place)
        except OSError:
            pass  # ENOENT: it will be made; ENOTDIR, EACCES: copying will report it
        else:
            reason, fix = _danger(place, status)
            if reason:
                raise Unavailable(
                    f"{place} {reason}, so its code is not loaded; say: {fix}", suggestions=[fix]
                )
        place = os.path.dirname(place)


def _danger(place: str, status: os.stat_result) -> tuple[str, str]:
    """Return why others may decide what a path holds, and what to do; empty if they may not."""
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to another user (uid {status.st_uid})", _aside(place, "other")
    if stat.S_ISLNK(status.st_mode):
        return "is a link", _aside(place, "link")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written by others", f"chmod go-rwx {shlex.quote(place)}"
    return "", ""


def _aside(place: str, ending: str) -> str:
    return f"mv {shlex.quote(place)} {shlex.quote(f'{place}.{ending}')}"


def _copy(source: str, target: str) -> None:
    """Copy completely or not at all: programs may be mapping the old file at this moment."""
    directory = os.path.dirname(target)
    draft = f"{target}.{os.getpid()}"
    old_mask = os.umask(0o077)  # for the parent directories, to which `mode` does not apply
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        with open(source, "rb") as file:
            content, found = file.read(), os.fstat(file.fileno())
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(draft, flags, 0o755), "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o755)  # whatever the umask removed
        os.utime(draft, ns=(found.st_atime_ns, found.st_mtime_ns))
        os.replace(draft, target)
    except OSError as error:
        _remove(draft)
        raise Unavailable(
            f"cannot copy {os.path.basename(target)} to {directory}: {error.strerror}"
        ) from None
    finally:
        os.umask(old_mask)


def _remove(draft: str) -> None:
    try:
        os.unlink(draft)
    except OSError:
        return  # ENOENT, ENOTDIR, EACCES: it was never created


def guest_environment(
    env: Mapping[str, str],
    *,
    library: str | None,
    port: int | None = None,
    project: str | None = None,
    service_type: str | None = None,
    own_only: str | None = None,
    way: preloading.Preloading = preloading.HERE,
) -> dict[str, str]:
    """Build the environment of an intercepted program; with `library` None, remove interception.

    What LD_PRELOAD already holds is kept and comes first: a sanitizer insists on that, and our
    library does not mind. Libraries of other Styxy versions are removed. `way` is the system's.
    """
    own = {**env, **absolute_paths(env)}
    way.set_in(own, [*way.others(env), *([library] if library else [])])
    more = {
        "PORT": str(port) if port else None,
        "STYXY_PROJECT": project,
        "STYXY_SERVICE_TYPE": service_type,
        "STYXY_OWN_ONLY": own_only,
    }
    own.update({name: value for name, value in more.items() if value})
    return _without_coercion(own)


def become(words: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Become the program; return an exit code and a message only if that fails."""
    _restore_signals()
    try:
        _execute(words, env)
    except FileNotFoundError:
        if "/" in words[0] and os.path.exists(words[0]):
            return EXIT_CANNOT_RUN, f"{words[0]}: its interpreter is missing"
        return EXIT_NOT_FOUND, f"{words[0]}: command not found"
    except NotADirectoryError:
        return EXIT_NOT_FOUND, f"{words[0]}: command not found"
    except OSError as error:
        is_directory = "/" in words[0] and os.path.isdir(words[0])  # execve(2): EACCES
        reason = "is a directory" if is_directory else error.strerror
        return EXIT_CANNOT_RUN, f"{words[0]}: {reason}"
    except ValueError as error:
        return EXIT_CANNOT_RUN, f"cannot run the command: {error}"


def _execute(words: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    import errno

    try:
        os.execvpe(words[0], list(words), dict(env))
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    # A script without an interpreter line: execvp(3) passes it to the shell.
    from styxy.client.interception.binary_format import which

    path = which(words[0], env) or words[0]
    os.execve("/bin/sh", ["sh", path, *words[1:]], dict(env))


def _restore_signals() -> None:
    # The interpreter ignores these two at startup, and ignored signals survive execve(2):
    # `styxy run -- yes | head -1` would print an error instead of ending silently.
    import signal

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def _without_coercion(env: dict[str, str]) -> dict[str, str]:
    """Undo the LC_CTYPE that the interpreter sets for itself in the C locale (PEP 538)."""
    if env.get("LC_CTYPE") == "C.UTF-8":
        try:
            with open("/proc/self/environ", "rb") as file:
                was_set = any(entry.startswith(b"LC_CTYPE=") for entry in file.read().split(b"\0"))
        except OSError:
            was_set = True  # no /proc: leave it alone
        if not was_set:
            del env["LC_CTYPE"]
    return env
