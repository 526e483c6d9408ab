"""A look at a journal that no daemon has open: on a copy, so that nothing of it changes."""

from __future__ import annotations

import os
import shutil
import tempfile

from styxy.adapters.journal.database import SIDE_FILES
from styxy.adapters.journal.journal import Journal
from styxy.core.errors import JournalFailed


def inspect(path: str) -> int:
    """Read every event of a journal and check it; tell the number of the newest.

    Raises `JournalDamaged` where the next daemon would set it aside, `JournalFailed` where it
    cannot be read at all.
    """
    with tempfile.TemporaryDirectory(prefix="styxy-inspection-") as directory:
        copy = os.path.join(directory, os.path.basename(path))
        try:
            for end in SIDE_FILES:
                # The index of the WAL is made anew from the WAL.
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
