"""Read the project files that a command line refers to: package.json, Makefile, Procfile.

The files are not ours, so only regular files are read, and only up to a size limit.
"""

from __future__ import annotations

import os
from itertools import islice

from styxy.adapters.config_file import read_regular

LARGEST = 256 * 1024
"""Bytes; no real package.json is larger."""

MOST_FOLDERS = 256
"""Subdirectories that are listed; a workspace has a few dozen packages."""


class ProjectFiles:
    """The files of a project; paths are relative to one directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def read(self, path: str) -> str | None:
        """Return the text of a regular file; None for anything else, links and too large a file."""
        try:
            content, _ = read_regular(os.path.join(self._directory, path), most=LARGEST)
        except (OSError, ValueError):
            # Unreadable, not a regular file, a NUL in the path: only the line's words count.
            return None
        if content is None or len(content) > LARGEST:
            return None
        return content.decode("utf-8", "replace")

    def folders(self, path: str) -> tuple[str, ...]:
        """Return the sorted names of the directories in a directory; empty if it cannot be read."""
        try:
            with os.scandir(os.path.join(self._directory, path)) as entries:
                names = [each.name for each in islice(entries, MOST_FOLDERS) if each.is_dir()]
        except (OSError, ValueError):
            return ()  # as above
        return tuple(sorted(names))
