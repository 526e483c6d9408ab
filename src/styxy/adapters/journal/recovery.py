"""Opening the journal whatever has become of it: as it is, from a backup, or for reading alone; and
a look at one that no daemon has open.

Nothing is deleted: what is not sound is set aside under its name and a timestamp.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

from styxy.adapters.journal.database import SIDE_FILES, HomeTaken, JournalDamaged
from styxy.adapters.journal.journal import Journal
from styxy.core.errors import JournalFailed, UnknownLease

if TYPE_CHECKING:
    from styxy.adapters.journal.backups import Backup, Backups
    from styxy.core.books.events import Event

Read = TypeVar("Read")

Reader = Callable[[Iterator["Event"]], Read]

_CONTRADICTIONS = (JournalDamaged, UnknownLease, KeyError, ValueError)
"""What a replay raises if its events cannot be read or contradict each other."""


class Opened(Struct, Generic[Read], frozen=True, kw_only=True):
    """An open journal and what was read from it.

    `damage` says briefly what was wrong, `aside` where the damaged file is now, `backup` which
    backup replaced it, `skipped` which newer ones were unusable. `refusal` says why the journal is
    read-only; its replacement is then a copy that nobody else sees.
    """

    journal: Journal
    read: Read
    damage: str | None = None
    aside: str | None = None
    backup: Backup | None = None
    skipped: tuple[str, ...] = ()
    refusal: str | None = None


def open_journal(
    path: str, backups: Backups, *, read: Reader[Read], seen_seq: int, now: float
) -> Opened[Read]:
    """Open the journal, or the best version of it that exists.

    `seen_seq` is the number of the newest event known to have been in it. Raises `HomeTaken`, and
    `JournalFailed` if the home can be neither written nor read.
    """
    missing = _missing(path)
    refusal: str | None = None
    try:
        journal, value = _tried(Journal, path, read)
    except HomeTaken:
        raise
    except JournalDamaged as error:
        return _rescued(path, backups, read=read, damage=error.message, now=now)
    except JournalFailed as error:
        refusal = error.message
        try:
            journal, value = _tried(Journal.reading, path, read)
        except JournalDamaged as damaged:
            return _rescued(path, backups, read=read, damage=damaged.message, now=now)
    if missing or journal.last_seq < seen_seq:
        damage = missing or f"its last {seen_seq - journal.last_seq} events are missing"
        if max((each.last_seq for each in backups.all()), default=0) > journal.last_seq:
            journal.close()
            return _rescued(path, backups, read=read, damage=damage, now=now)
        if seen_seq > journal.last_seq:
            return Opened(journal=journal, read=value, damage=damage, refusal=refusal)
    return Opened(journal=journal, read=value, refusal=refusal)


def inspect(path: str) -> int:
    """Read every event of a journal that no daemon has open; return the number of the newest.

    A copy is read, so that nothing of it changes.

    Raises `JournalDamaged` where the next daemon would set it aside, `JournalFailed` where it
    cannot be read at all.
    """
    with tempfile.TemporaryDirectory(prefix="styxy-inspection-") as directory:
        copy = os.path.join(directory, os.path.basename(path))
        try:
            for end in SIDE_FILES:
                # The WAL index is rebuilt from the WAL.
                if end != "-shm" and os.path.lexists(path + end):
                    shutil.copyfile(path + end, copy + end, follow_symlinks=False)
        except OSError as error:
            raise JournalFailed(f"cannot read {path}: {error.strerror}") from error
        journal = Journal(copy)
        try:
            for _ in journal.replay():
                pass
            return journal.last_seq
        finally:
            journal.close()


def _missing(path: str) -> str | None:
    if not os.path.lexists(path):
        return "it was deleted"
    return None if os.lstat(path).st_size else "it was empty"


def _tried(opener: Callable[[str], Journal], path: str, read: Reader[Read]) -> tuple[Journal, Read]:
    journal = opener(path)
    try:
        return journal, read(journal.replay())
    except _CONTRADICTIONS as error:
        journal.close()
        if isinstance(error, JournalDamaged):
            raise
        raise JournalDamaged(f"the events of {path} contradict each other: {error}") from error
    except BaseException:
        journal.close()
        raise


def _rescued(
    path: str, backups: Backups, *, read: Reader[Read], damage: str, now: float
) -> Opened[Read]:
    try:
        aside = _set_aside(path, now)
    except JournalFailed as error:
        return _stand_in(path, backups, read=read, damage=damage, refusal=error.message)
    skipped: list[str] = []
    for backup in backups.all():
        try:
            _restore(backup.path, path)
            journal, value = _tried(Journal, path, read)
        except JournalDamaged:
            skipped.append(backup.path)
            _remove(path)
            # Moved away, so that it is not counted among those that are kept.
            with contextlib.suppress(OSError):
                os.replace(backup.path, backup.path + ".damaged")
            continue
        except (JournalFailed, OSError) as error:  # EACCES, ENOSPC: the backup may well be good
            _remove(path)
            return _stand_in(path, backups, read=read, damage=damage, refusal=str(error))
        return Opened(
            journal=journal,
            read=value,
            damage=damage,
            aside=aside,
            backup=backup,
            skipped=tuple(skipped),
        )
    try:
        journal, value = _tried(Journal, path, read)
    except JournalFailed as error:
        return _stand_in(path, backups, read=read, damage=damage, refusal=error.message)
    return Opened(journal=journal, read=value, damage=damage, aside=aside, skipped=tuple(skipped))


def _stand_in(
    path: str, backups: Backups, *, read: Reader[Read], damage: str, refusal: str
) -> Opened[Read]:
    """Read the newest usable backup where it is: nothing can be moved or written now."""
    skipped: list[str] = []
    for backup in backups.all():
        try:
            opener = partial(Journal.reading, source=backup.path)
            journal, value = _tried(opener, path, read)
        except JournalDamaged:
            skipped.append(backup.path)
            continue
        return Opened(
            journal=journal,
            read=value,
            damage=damage,
            backup=backup,
            skipped=tuple(skipped),
            refusal=refusal,
        )
    # A copy of nothing: an empty journal.
    journal, value = _tried(partial(Journal.reading, source=os.devnull), path, read)
    return Opened(
        journal=journal, read=value, damage=damage, skipped=tuple(skipped), refusal=refusal
    )


def _set_aside(path: str, now: float) -> str:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
    aside = f"{path}.damaged-{stamp}Z"
    try:
        for end in SIDE_FILES:
            with contextlib.suppress(FileNotFoundError):
                os.rename(path + end, aside + end)
    except OSError as error:
        raise JournalFailed(f"cannot set {path} aside: {error.strerror}") from error
    return aside


def _restore(backup: str, path: str) -> None:
    descriptor = os.open(backup, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(descriptor, "rb") as source:
        with os.fdopen(os.open(path, flags, 0o600), "wb") as target:
            shutil.copyfileobj(source, target)


def _remove(path: str) -> None:
    for end in SIDE_FILES:
        with contextlib.suppress(OSError):
            os.unlink(path + end)
