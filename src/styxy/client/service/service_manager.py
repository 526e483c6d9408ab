"""What every service manager of a user has: files of ours that it reads, and a service that runs.

Only what Styxy wrote is ever overwritten or removed, and never what serves another home.
"""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.adapters.home import open_regular
from styxy.core.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.client.service.description import Description

QUICK_SECONDS = 5.0
"""For a question to a service manager; it answers in a hundredth of a second."""

TURN_OFF = "systemctl --user disable --now styxy"
"""What ends the service of a package, whose file stays."""

LARGEST = 64 * 1024
"""Bytes of a file that is read; ours have two thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How the service is: `pid` of a running daemon, `words` of the manager's own for people.

    It is pending if there is no daemon, and the manager is about to start one.
    """

    is_running: bool
    is_pending: bool = False
    pid: int | None = None
    words: str = "not running"


class Manager(ABC):
    """A service manager, as somebody with this environment reaches it."""

    name: str
    service: str
    """What the manager calls the service."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env

    @abstractmethod
    def files(self) -> tuple[str, ...]:
        """Name the files that the manager reads, the one that names the home first."""

    @abstractmethod
    def texts(self, daemon: Description) -> dict[str, str]:
        """Write those files for a daemon."""

    @abstractmethod
    def problem(self) -> str | None:
        """Say why this manager cannot be used here; None if it can."""

    @abstractmethod
    def home_in(self, text: str) -> str | None:
        """Return the home in the first file; None if Styxy did not write it."""

    @abstractmethod
    def is_ours(self, text: str) -> bool:
        """Return whether this is the text of a file that Styxy wrote."""

    @abstractmethod
    def state(self) -> State:
        """Ask how the service is."""

    @abstractmethod
    def start(self, *, patience: float = 60.0) -> None:
        """Start the service and wait until it is ready. Raises `Unavailable`."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the service and its sockets until the next login. Raises `Unavailable`."""

    @abstractmethod
    def restart(self) -> None:
        """Restart the daemon; its sockets stay open where the manager has them."""

    @abstractmethod
    def enable(self) -> None:
        """Have the service started at each login, from the files as they are now."""

    @abstractmethod
    def disable(self) -> None:
        """Have it started at no login."""

    def packaged(self) -> str | None:
        """Name the file of a system's package that the manager reads, as ours is not there."""
        return None

    def packaged_home(self) -> str | None:
        """Return the home that the service of a package serves; None if there is none."""
        return None

    def is_enabled(self) -> bool:
        """Return whether the service is started at each login, by a look at files alone."""
        return self.is_installed()

    def set_aside(self) -> None:  # noqa: B027 # where no package brings anything, nothing is done
        """Stop the service of a package, and have it started no more."""

    def home(self) -> str | None:
        """Return the home that the installed service serves; None if none of ours is installed."""
        text = self._read(self.files()[0])
        return None if text is None else self.home_in(text)

    def serves(self, home: str) -> bool:
        """Return whether the installed service serves this home."""
        theirs = self.home()
        return theirs is not None and os.path.realpath(theirs) == os.path.realpath(home)

    def is_installed(self) -> bool:
        """Return whether any of the files is there."""
        return any(os.path.lexists(path) for path in self.files())

    def differs(self, daemon: Description) -> bool:
        """Return whether the files are not as they would be written now."""
        return any(self._read(path) != text for path, text in self.texts(daemon).items())

    def check_ours(self, home: str) -> None:
        """Raise `Conflict` if the files are not Styxy's, or serve another home."""
        for path in filter(os.path.lexists, self.files()):
            text = self._read(path)  # None: a link to /dev/null (`systemctl mask`), a directory
            if text is None or not self.is_ours(text):
                raise Conflict(f"{path} was not written by Styxy; move it away and try again")
        theirs = self.home()
        if theirs is not None and os.path.realpath(theirs) != os.path.realpath(home):
            raise Conflict(
                f"{self.service} serves the home {theirs}, and a user has one such service; to "
                f"give it up: STYXY_HOME={theirs} styxy service uninstall",
                home=theirs,
            )

    def content(self) -> dict[str, str]:
        """Read the files that are there."""
        texts = {path: self._read(path) for path in self.files()}
        return {path: text for path, text in texts.items() if text is not None}

    def write(self, texts: Mapping[str, str]) -> None:
        """Write the files, each in one step. Raises `Unavailable`."""
        for path, text in texts.items():
            temporary = f"{path}.{os.getpid()}"
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(temporary, "x", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(text)
                os.replace(temporary, path)
            except OSError as error:
                raise Unavailable(f"cannot write {path}: {error.strerror}") from None

    def remove(self) -> list[str]:
        """Remove the files, and the directories that are empty then; return what was there."""
        there = [path for path in self.files() if os.path.lexists(path)]
        for path in there:
            os.unlink(path)
        for directory in self.directories():
            try:
                os.rmdir(directory)
            except OSError:
                continue  # ENOTEMPTY: there are other services; ENOENT: it was never made
        return there

    def directories(self) -> tuple[str, ...]:
        """Name the directories that were made for the files, the innermost first."""
        return ()

    def _read(self, path: str) -> str | None:
        try:
            with open(open_regular(path), encoding="utf-8", errors="surrogateescape") as file:
                return file.read(LARGEST)
        except OSError:
            return None  # ENOENT, EACCES: nothing of ours

    def _run(self, *words: str, patience: float = QUICK_SECONDS) -> str:
        """Run a command of the manager; return what it prints. Raises `Unavailable`."""
        shown = " ".join(words)
        try:
            done = subprocess.run(
                words,
                env={**self.env, "LC_ALL": "C", "STYXY_DISABLE_REASSIGN": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=patience,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"`{shown}` has not ended for {patience:g} s") from None
        except OSError as error:
            raise Unavailable(f"cannot run {words[0]}: {error.strerror}") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise Unavailable(f"`{shown}`: {said[0] if said else f'exit {done.returncode}'}")
        return done.stdout.decode(errors="replace")
