"""Which backend reaches a program: the preload library, the seccomp supervisor, or none.

Preload is lighter and comes first: it needs no extra process and takes no privileges away. The
supervisor is for what the library does not reach. What neither reaches is reported to the user.
"""

from __future__ import annotations

import errno
import os
import sys

from styxy.adapters.portable.choice import moves_nothing, why
from styxy.client.interception import self_test as proof
from styxy.client.interception.binary_format import look_at, which
from styxy.client.interception.run import own_library, own_supervisor
from styxy.core.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from styxy.adapters.paths import Paths

_PROBE_PATIENCE = 2.0  # seconds; the probe takes milliseconds

_STATIC_CHILDREN = "STYXY_STATIC"
"""Makes the library start a supervisor for static programs that its host executes."""


class Choice:
    """How a program is run, why, and what is not covered."""

    def __init__(self, backend: str, why: str) -> None:
        self.backend = backend
        self.why = why
        self.library: str | None = None
        self.supervisor: str | None = None
        self.words: list[str] | None = None  # what is executed instead, if it is not the command
        self.uncovered: list[str] = []  # sentences, for --explain
        self.warnings: list[str] = []  # sentences, always shown

    @property
    def intercepts(self) -> bool:
        """Whether anything is intercepted."""
        return self.backend != "none"

    def command(self, words: Sequence[str]) -> list[str]:
        """Build the command that is executed in place of `words`."""
        if self.supervisor:
            return [self.supervisor, "run", "--", *words]
        return list(self.words or words)

    def variables(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return the further variables that the library needs."""
        if self.library and self.backend != "none":
            return {_STATIC_CHILDREN: env.get(_STATIC_CHILDREN) or "supervise"}
        return {}


class Chooser:
    """Chooses a backend in the environment `env`; `places` says where copies of the native parts
    go.
    """

    def __init__(self, paths: Paths, env: Mapping[str, str]) -> None:
        self._paths = paths
        self._env = env

    def choose(self, backend: str, words: Sequence[str]) -> Choice:
        """Choose for a command. An unavailable backend is a warning, never a failure."""
        if backend == "none":
            return Choice("none", "requested with --backend")
        if moves_nothing():
            return _nothing(f"{why()}: ports are not moved")
        if sys.platform == "darwin":
            return self._on_macos(backend, words)
        if backend == "preload":
            return self._preload(words[0])
        if backend == "seccomp":
            return self._seccomp(f"{words[0]}: requested with --backend", with_library=False)
        return self._auto(words)

    def _on_macos(self, backend: str, words: Sequence[str]) -> Choice:
        from styxy.client.interception import macos

        if backend == "seccomp":
            return _nothing(f"{macos.NO_SUPERVISOR}: ports are not moved")
        try:
            library = self._library()
        except Unavailable as failure:
            return _nothing(failure.message)
        return macos_choice(library, words, find=lambda name: which(name, self._env))

    def _auto(self, words: Sequence[str]) -> Choice:
        missed = look_at(words[0], self._env).missed
        if missed and missed.supervisable:
            why = f"{words[0]} {missed.why}"
            choice = self._seccomp(why, with_library=missed.bears_library)
            if choice.intercepts or not missed.is_partly_reached:
                return choice
        elif clears_environment(words):
            return self._seccomp(f"{words[0]} clears the environment", with_library=True)
        return self._preload(words[0])

    def _preload(self, name: str) -> Choice:
        try:
            library = self._library()
        except Unavailable as failure:
            return _nothing(failure.message)
        program = look_at(name, self._env)
        why = f"{program.path} calls libc, where {library} intercepts it"
        choice = Choice("preload", why if program.path else f"{name} was not found")
        choice.library = library
        choice.uncovered = ["cleared environments, setuid programs, io_uring"]
        try:
            own_supervisor(self._paths)
        except Unavailable as failure:
            choice.uncovered.append(f"static and Go programs that it starts: {failure.message}")
        if program.missed and program.missed.is_partly_reached:
            choice.warnings.append(f"{name} {program.missed.why}: those are not moved")
        elif program.missed:
            choice.why = (
                f"{name} {program.missed.why}; programs that it starts may still be intercepted"
            )
            choice.warnings.append(f"{name} {program.missed.why}: its ports are not moved")
        return choice

    def _seccomp(self, why: str, *, with_library: bool) -> Choice:
        """Choose the supervisor; programs that it starts may have the library, which is cheaper per
        call.
        """
        choice = Choice("seccomp", why)
        try:
            supervisor = own_supervisor(self._paths)
            error = _probe(supervisor)
        except Unavailable as failure:
            return self._without_supervisor(why, failure.message, with_library=with_library)
        if error == errno.EBUSY:
            choice.why = f"{why}; the supervisor of the enclosing styxy run handles its calls"
        elif error:
            return self._without_supervisor(why, _refusal(error), with_library=with_library)
        else:
            choice.supervisor = supervisor
        choice.uncovered = ["setuid programs, 32-bit programs, io_uring, other network namespaces"]
        if os.geteuid() != 0:
            choice.uncovered.append("sudo does not work inside (no_new_privs)")
        if with_library:
            choice.library = self._library_if_any()
        return choice

    def _without_supervisor(self, why: str, reason: str, *, with_library: bool) -> Choice:
        choice = _nothing(f"{why}: its ports are not moved, because {reason}")
        if with_library:
            choice.library = self._library_if_any()
            choice.backend = "preload" if choice.library else "none"
        return choice

    def _library(self) -> str:
        library = own_library(self._paths)
        proof.ensure(library)
        return library

    def _library_if_any(self) -> str | None:
        try:
            return self._library()
        except Unavailable:
            return None  # with it, more would be reached, or faster; the choice stands without it


def macos_choice(
    library: str, words: Sequence[str], *, find: Callable[[str], str | None]
) -> Choice:
    """Choose for a command on macOS, where `library` works and `find` looks for a program."""
    from styxy.client.interception import macos

    choice = Choice("preload", f"{words[0]} was not found")
    choice.library = library
    choice.uncovered = [macos.UNCOVERED]
    path = find(words[0])
    if path is None:
        return choice
    named = macos.first_words(path)
    choice.words = macos.past_env(words, path, named, find)
    interpreter = choice.words[:1] if choice.words != list(words) else named[:1]
    missed = macos.why_missed(words[0], os.path.realpath(path), interpreter)
    choice.why = missed or f"{path} calls libSystem, where {library} intercepts it"
    if missed:
        choice.warnings.append(f"{missed}: its ports are not moved")
    return choice


def clears_environment(words: Sequence[str]) -> bool:
    """Return whether a command is `env -i ...`, which removes LD_PRELOAD from what it starts."""
    if os.path.basename(words[0]) != "env":
        return False
    for word in words[1:]:
        if word in ("-", "--ignore-environment"):
            return True
        if not word.startswith("-"):
            return False
        if not word.startswith("--") and "i" in word:
            return True
    return False


def _nothing(why: str) -> Choice:
    choice = Choice("none", why)
    choice.warnings.append(why)
    return choice


def missing_supervisor(paths: Paths) -> str | None:
    """Return why there is no supervisor; None if there is one, or this process is already under
    one.
    """
    try:
        error = _probe(own_supervisor(paths))
    except Unavailable as failure:
        return failure.message
    return None if error in (0, errno.EBUSY) else _refusal(error)


def _refusal(error: int) -> str:
    return f"this kernel does not allow a supervisor ({os.strerror(error)})"


def _probe(supervisor: str) -> int:
    """Test what the supervisor needs from the kernel; return 0, or the errno of the failure."""
    import subprocess

    try:
        done = subprocess.run(
            [supervisor, "probe"], timeout=_PROBE_PATIENCE, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        return getattr(failure, "errno", None) or errno.ETIMEDOUT
    return done.returncode if done.returncode >= 0 else errno.EPERM
