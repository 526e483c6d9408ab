"""`config.json` on disk: read with a bound, edited in one step, an older copy kept of each edit.

A reader sees the old file or the new one, whenever the writer dies: the new text goes to a file
beside it, to the disk, and only then to its name. Editors take an flock(2) on a file of its own,
because the file itself is another one after each edit. Links are not followed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from styxy.core.config.configuration import Configuration
from styxy.core.config.patch import leaves, merged, spelled
from styxy.core.config.problems import Problem
from styxy.core.config.validation import Reading, read_text
from styxy.core.errors import Conflict, InvalidInput, Unavailable
from styxy.core.json_data import TOO_DEEP, is_too_deep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LARGEST = 1024 * 1024
"""Bytes; ten thousand service types fit."""

EDIT_PATIENCE = 2.0
"""Seconds that a command waits for another editor."""

COPIES_KEPT = 20
"""Older files: a day of edits, and few kilobytes each."""

LAST_GOOD = "config-last-good.json"

UNFINISHED = ".tmp"

_LOCK_INTERVAL = 0.01  # seconds between two tries; flock(2) has no timeout
_COPY = re.compile(r"config-\d{8}T\d{6}\.\d{6}Z\.json")

Source = Literal["built-in", "config.json", "last good copy"]
"""Where a configuration comes from, before environment and options."""

Stamp = tuple[int, int, int, int]
"""What tells that a file is another one: modification, status change, size, inode (stat(2))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Hold what a file said. `stamp` and `raw` are None where there is no file to read."""

    reading: Reading
    stamp: Stamp | None = None
    raw: bytes | None = None

    @classmethod
    def nothing(cls) -> Loaded:
        """Say what no file at all says."""
        return cls(reading=Reading(Configuration(), data={}))

    @property
    def configuration(self) -> Configuration:
        """What the file means, as far as it is in order."""
        return self.reading.configuration

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the file."""
        return self.reading.problems

    @property
    def is_missing(self) -> bool:
        """Tell that there is no file, which is nothing wrong."""
        return self.stamp is None and not self.problems

    @property
    def keys(self) -> list[str]:
        """Name the settings that the file has, as dotted paths."""
        return [".".join(names) for names, _ in leaves(self.reading.data or {})]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """Hold the outcome of an edit; `copy` is the path of the file as it was before."""

    loaded: Loaded
    copy: str | None = None
    has_changed: bool = False


class ConfigFile:
    """Read and edit one configuration file. `clock` gives seconds since the epoch."""

    def __init__(self, path: str, *, backups: str, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.backups = backups
        self._clock = clock

    def stamp(self) -> Stamp | None:
        """Tell which file is there now, without reading it; None where there is none."""
        try:
            return _stamp(os.stat(self.path, follow_symlinks=False))
        except OSError:
            return None  # whatever it is, reading will say

    def load(self) -> Loaded:
        """Read and check the file; never raises, for what is wrong is a problem of the answer."""
        return load(self.path)

    def edit(
        self, patch: Mapping[str, object], *, patience: float = EDIT_PATIENCE, dry_run: bool = False
    ) -> Edited:
        """Put a merge patch into the file and keep a copy of what was there.

        Raises `InvalidInput` where that would bring in a problem, `Conflict` where the file cannot
        be understood, `Unavailable` where it cannot be written; the file is then as it was.
        """
        if is_too_deep(patch):
            raise InvalidInput(f"the change cannot be made: {TOO_DEEP}")
        with self._locked(patience):
            self._sweep_up()
            before = self.load()
            if before.reading.data is None and not before.is_missing:
                raise Conflict(
                    f"{before.problems[0]}; mend the file first", problems=_said(before.problems)
                )
            text = _text(before.reading.data or {}, patch)
            after = read_text(text)
            _refuse_new_problems(before.problems, after.problems)
            if len(text) > LARGEST:
                raise InvalidInput(f"{self.path} would grow beyond {LARGEST} bytes")
            if dry_run or text.encode() == before.raw:
                return Edited(loaded=replace(before, reading=after))
            try:
                copy = self._keep_copy(before.raw)
                write_whole(self.path, text.encode())
            except OSError as error:
                raise Unavailable(f"cannot write {self.path}: {error.strerror}") from error
            return Edited(loaded=self._written(text, after), copy=copy, has_changed=True)

    def _written(self, text: str, reading: Reading) -> Loaded:
        """Say what was just written without checking it again, if that is what is there."""
        with contextlib.suppress(OSError):
            raw, stamp = _read(self.path)
            if raw == text.encode() and not reading.problems:
                return Loaded(reading=reading, stamp=stamp, raw=raw)
        return self.load()

    def put(self, text: str) -> str | None:
        """Put a whole new text in place; tell where the copy of the old one is.

        Raises `Unavailable`; the file is then as it was.
        """
        with self._locked(EDIT_PATIENCE):
            try:
                copy = self._keep_copy(_read(self.path)[0])
                write_whole(self.path, text.encode())
            except OSError as error:
                raise Unavailable(f"cannot write {self.path}: {_why(error)}") from error
            return copy

    def keep_as_good(self, loaded: Loaded) -> None:
        """Keep a copy of a file that is in order, for a daemon that starts with a broken one."""
        path = os.path.join(self.backups, LAST_GOOD)
        if loaded.raw is None:
            return
        with contextlib.suppress(OSError):  # a full disk: the file itself is there, after all
            _make_private(self.backups)
            if _read(path)[0] != loaded.raw:
                write_whole(path, loaded.raw)

    def best(self, loaded: Loaded) -> tuple[Loaded, Source]:
        """Choose what a daemon starts with: the file, or its last good copy where it is broken."""
        if not loaded.problems:
            return loaded, "built-in" if loaded.is_missing else "config.json"
        copy = load(os.path.join(self.backups, LAST_GOOD))
        if copy.is_missing or copy.problems:
            return Loaded.nothing(), "built-in"
        return copy, "last good copy"

    def retire_last_good(self) -> str | None:
        """Put the copy among the dated ones, because the file is gone; tell its new path."""
        path = os.path.join(self.backups, LAST_GOOD)
        copy = self._copy_path()
        try:
            os.rename(path, copy)
        except OSError:
            return None  # ENOENT: there never was a file; or it stays where it is
        return copy

    def _sweep_up(self) -> None:
        """Take away what a killed editor left: while we have the lock, nobody else writes."""
        folder, name = os.path.split(self.path)
        for each in os.listdir(folder):
            if each.startswith(f"{name}.") and each.endswith(UNFINISHED):
                os.unlink(os.path.join(folder, each))

    def _keep_copy(self, raw: bytes | None) -> str | None:
        if raw is None:
            return None
        _make_private(self.backups)
        path = self._copy_path()
        write_whole(path, raw)
        copies = sorted(name for name in os.listdir(self.backups) if _COPY.fullmatch(name))
        for name in copies[:-COPIES_KEPT]:
            os.unlink(os.path.join(self.backups, name))
        return path

    def _copy_path(self) -> str:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        return os.path.join(self.backups, f"config-{moment:%Y%m%dT%H%M%S.%f}Z.json")

    @contextlib.contextmanager
    def _locked(self, patience: float) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self.path + ".lock", flags, 0o600)
        except OSError as error:
            raise Unavailable(f"cannot write beside {self.path}: {error.strerror}") from error
        try:
            _wait_for_lock(descriptor, self.path, time.monotonic() + patience)
            yield
        finally:
            os.close(descriptor)


def load(path: str) -> Loaded:
    """Read and check a configuration file; what is wrong is a problem of the answer."""
    try:
        raw, stamp = _read(path)
    except OSError as error:
        return _unreadable(path, _why(error))
    if raw is None:
        return Loaded.nothing()
    if len(raw) > LARGEST:
        return _unreadable(path, f"it is larger than {LARGEST} bytes", stamp)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        return _unreadable(path, "it is not UTF-8 text", stamp, line=line, column=column)
    return Loaded(reading=read_text(text, file=path), stamp=stamp, raw=raw)


def write_whole(path: str, content: bytes, *, mode: int = 0o600) -> None:
    """Put a file in place in one step; whoever reads sees the old one or the new one.

    Raises `OSError`; the old file is then untouched.
    """
    temporary = f"{path}.{os.getpid()}{UNFINISHED}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # of a process of the same number, which died in the middle
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_directory(os.path.dirname(path))


def _sync_directory(path: str) -> None:
    # The new name is on disk only when the directory is, fsync(2).
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: str) -> tuple[bytes | None, Stamp | None]:
    content, status = read_regular(path, most=LARGEST)
    return content, None if status is None else _stamp(status)


def read_regular(path: str, *, most: int) -> tuple[bytes | None, os.stat_result | None]:
    """Read a file, at most one byte more than `most`; None where there is none.

    Non-blocking, because opening a named pipe would wait for a writer. A link is refused: in a
    directory that others write, it could point anywhere. Raises `OSError`.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None, None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most + 1), status
    finally:
        os.close(descriptor)


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _why(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a link; put the file itself there"
    return error.strerror or str(error)


def _unreadable(path: str, why: str, stamp: Stamp | None = None, **place: int) -> Loaded:
    problem = Problem(path=(), sentence=f"cannot be read: {why}", file=path, **place)
    return Loaded(reading=Reading(Configuration(), (problem,)), stamp=stamp)


def _text(data: Mapping[str, object], patch: Mapping[str, object]) -> str:
    return spelled(merged(data, patch)) + "\n"


def _said(problems: tuple[Problem, ...]) -> list[str]:
    return [str(problem) for problem in problems]


def _refuse_new_problems(before: tuple[Problem, ...], after: tuple[Problem, ...]) -> None:
    """Let an edit mend a part of a file, but break none."""
    known = {problem.sentence for problem in before}
    new = [problem for problem in after if problem.sentence not in known]
    if not new:
        return
    more = f" (and {len(new) - 1} more)" if len(new) > 1 else ""
    raise InvalidInput(
        f"{new[0].sentence}{more}", problems=[problem.sentence for problem in new], key=new[0].key
    )


def _make_private(path: str) -> None:
    os.makedirs(path, mode=0o700, exist_ok=True)


def _wait_for_lock(descriptor: int, path: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Unavailable(f"another process is editing {path}; try again") from None
            time.sleep(_LOCK_INTERVAL)
        else:
            return
