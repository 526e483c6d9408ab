"""The files that a daemon was started from: whether they are still there and still the same.

Uninstalling or upgrading Styxy does not end a daemon. What it has loaded goes on working; what it
has not would be missing or of another version, so a module is loaded late only through here.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys

from styxy.adapters.fd_limits import is_want
from styxy.core.errors import Unavailable
from styxy.server.reports.health import PartState

log = logging.getLogger(__name__)

_VERSION = re.compile(r'^__version__ = "([^"\n]{1,80})"', re.MULTILINE)

_MOST_READ = 4096
"""Bytes of the first file that are read; it has a tenth of that."""

Identity = tuple[int, int, int, bytes]


class Installation:
    """The package of one daemon: its directory and version, as they were at startup."""

    def __init__(self, directory: str, *, version: str) -> None:
        self._directory = directory
        self._version = version
        self._first_file = os.path.join(directory, "__init__.py")
        self._identity: Identity | None = None
        self._identity = self._look()
        self._was_logged = False

    @property
    def problem(self) -> str | None:
        """One sentence with the next step if the files are gone or others; None if all is well."""
        found = self._look()
        if found == self._identity:
            return None
        if found is None:
            return (
                f"Styxy {self._version} was uninstalled or moved while its daemon is running "
                f"({self._directory} is gone); to stop the daemon: kill {os.getpid()}"
            )
        return (
            f"Styxy {self._installed_version()} was installed since this daemon ({self._version}) "
            "started; to use it: styxy daemon restart"
        )

    def part(self) -> PartState:
        """Report which version runs, and whether it is the installed one."""
        problem = self.problem
        if problem is not None:
            return PartState("warning", problem)
        return PartState("ok", f"{self._version}, in {self._directory}")

    def log_problem(self) -> None:
        """Write the problem to the log, once."""
        problem = self.problem
        if problem is not None and not self._was_logged:
            log.warning("%s", problem)
            self._was_logged = True

    def load(self, *names: str) -> None:
        """Import modules that are needed late. Raises `Unavailable` if one is gone, or would come
        from another version.
        """
        for name in names:
            problem = None if name in sys.modules else self.problem
            if problem is not None:
                raise Unavailable(problem, suggestions=["styxy doctor"])
            try:
                importlib.import_module(name)
            except ImportError as error:  # of what Styxy depends on, or gone at this moment
                raise Unavailable(
                    f"a part of Styxy cannot be loaded ({error}); reinstall Styxy, "
                    "then: styxy daemon restart",
                    suggestions=["styxy daemon restart"],
                ) from None

    def _look(self) -> Identity | None:
        try:
            with open(self._first_file, "rb") as file:
                found = os.fstat(file.fileno())
                content = file.read(_MOST_READ)
        except OSError as error:
            if is_want(error):  # nothing is known at this moment, and so nothing is said
                return self._identity
            return None  # ENOENT, ENOTDIR: gone; EACCES: as good as gone for who has to load it
        # The content, too: an installer may write into the old file, and keep the time that the
        # archive has for all files.
        return (found.st_dev, found.st_ino, found.st_mtime_ns, content)

    def _installed_version(self) -> str:
        try:
            with open(self._first_file, encoding="utf-8", errors="replace") as file:
                found = _VERSION.search(file.read(_MOST_READ))
        except OSError:
            found = None  # ENOENT: an installer is at work
        return found[1] if found else "(an unknown version)"
