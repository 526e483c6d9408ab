"""The kernel's table of mounts, kept open by whoever asks often whether a look may hang.

Not beside `mounts`, which the command line loads at every start and which does without `select`.
"""

from __future__ import annotations

import io
import select

from styxy.adapters.projects.mounts import MOUNTS, dependent_among


class MountTable:
    """Says whether any mount of this machine depends on a server. It reads the table again when the
    kernel says that it has changed (proc_pid_mounts(5)), so a question costs a microsecond."""

    def __init__(self) -> None:
        self._file: io.FileIO | None = None
        self._poll = select.poll()
        self._has_dependent = True

    def has_dependent(self) -> bool:
        """Return it; true where the table cannot be read."""
        try:
            if self._file is None:
                self._file, self._poll = io.FileIO(MOUNTS), select.poll()
                self._poll.register(self._file, select.POLLPRI)
                self._read(self._file)
            elif self._poll.poll(0):
                self._read(self._file)
        except OSError:
            return True  # EMFILE; ENOENT: not Linux
        return self._has_dependent

    def _read(self, file: io.FileIO) -> None:
        self._has_dependent = True  # until it is known
        file.seek(0)
        self._has_dependent = any(dependent_among(file.readall()))

    def close(self) -> None:
        """Close the table. A collected cycle may have closed its file before it comes here."""
        if self._file is not None:
            self._file.close()
            self._file = None
