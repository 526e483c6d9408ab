"""What was changed and what was there before: kept in Styxy's home for each file that holds hooks.

With it, `uninstall` gives back the very bytes, if nobody has changed the file meanwhile. Without
it, or after another change, ours is cut out of what is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from styxy.adapters.config_file import write_whole
from styxy.adapters.home import private_directory, private_home
from styxy.adapters.paths import Paths, home_hash
from styxy.client.agents.install.settings_files import SettingsFile
from styxy.core.errors import Unavailable

PRIVATE = 0o700
"""The permissions that are left to a file with the token in it: none but the user's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One file: what we wrote, and what was there."""

    agent: str
    file: str
    digest: str
    """Of the content that we wrote."""
    backup: str | None
    """Where the content before is; None if there was no file."""
    mode: int | None = None
    """The permissions that we narrowed; None if we left them alone."""
    directories: list[str] = field(default_factory=list)
    """The directories that we made, the outermost first."""
    empty: list[list[str]] = field(default_factory=list)
    """The containers that were there and empty."""

    def mode_for(self, file: SettingsFile) -> int:
        """Give the permissions that a file gets back: those that we narrowed, if nobody has changed
        them since.
        """
        was_narrowed = self.mode is not None and file.mode == self.mode & PRIVATE
        return self.mode if self.mode is not None and was_narrowed else file.mode

    def is_untouched(self, file: SettingsFile) -> bool:
        """Tell whether a file is still as we wrote it."""
        return file.content is not None and digest(file.content) == self.digest

    def original(self) -> bytes | None:
        """Return what was there before; None if nothing, or if the backup cannot be read."""
        if self.backup is None:
            return None
        try:
            with open(self.backup, "rb") as backup:
                return backup.read()
        except OSError:
            return None


class Records:
    """The records of one home, and the backups that they name."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._directory = paths.in_home("agents")

    @contextlib.contextmanager
    def locked(self, *, makes: bool = True) -> Iterator[None]:
        """Keep other installations of this home out. Raises `Unavailable`.

        What only removes something makes no home that is not there.
        """
        if not makes and not os.path.isdir(self._directory):
            yield
            return
        private_home(self._paths.home)
        private_directory(self._directory)
        try:
            lock = os.open(
                os.path.join(self._directory, "lock"),
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
                0o600,
            )
        except OSError as error:
            raise Unavailable(f"cannot open {self._directory}/lock: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def find(self, file: SettingsFile) -> Record | None:
        """Read the record of a file; None if there is none, or none that can be used."""
        try:
            with open(self._path(file), encoding="utf-8") as record:
                return Record(**json.load(record))
        except (OSError, ValueError, TypeError):
            return None  # no installation of this home, or a record of another version

    def keep(self, record: Record, file: SettingsFile) -> None:
        """Write a record down. Raises `Unavailable`."""
        try:
            write_whole(self._path(file), json.dumps(asdict(record), indent=2).encode())
        except OSError as error:
            raise Unavailable(f"cannot write {self._path(file)}: {error.strerror}") from None

    def forget(self, file: SettingsFile) -> None:
        """Drop the record of a file; its backup stays."""
        with contextlib.suppress(OSError):  # ENOENT: there was none
            os.unlink(self._path(file))

    def back_up(self, agent: str, file: SettingsFile, content: bytes) -> str:
        """Keep a copy of what was there, for the user alone, and tell its path.

        It is in Styxy's home, because a copy beside the file may end in a repository, and settings
        hold keys. Raises `Unavailable`.
        """
        private_directory(self._paths.backups)
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z"
        name = f"agent-{agent}-{home_hash(file.real)}-{stamp}-{os.path.basename(file.real)}"
        path = os.path.join(self._paths.backups, name)
        try:
            write_whole(path, content)
        except OSError as error:
            raise Unavailable(f"cannot write {path}: {error.strerror}") from None
        return path

    def _path(self, file: SettingsFile) -> str:
        return os.path.join(self._directory, f"{home_hash(file.real)}.json")


def digest(content: bytes) -> str:
    """Shorten a content to a text that no other content has."""
    return sha256(content).hexdigest()
