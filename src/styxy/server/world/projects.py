"""Which project a path or a process belongs to: the one place where the daemon decides it.

Callers may name a directory inside a worktree, or reach it over a link; sessions that work in one
tree must still be one project. So whatever comes in as a path is made canonical here, by the rule
of `core.model.projects`, before a lease or an instance carries it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from styxy.adapters.git import project_path
from styxy.core.errors import InvalidInput
from styxy.core.protocol.scalars import LONGEST_PATH

if TYPE_CHECKING:
    from styxy.adapters.processes import Processes


class Projects:
    """Name projects by their canonical paths. `user_home` never counts as a worktree."""

    def __init__(self, *, processes: Processes, user_home: str) -> None:
        self._processes = processes
        self._user_home = user_home

    def at(self, path: str) -> str:
        """Name the project of an absolute path; a directory that is gone keeps its name.

        Raises `InvalidInput` for what can be no path on this system.
        """
        try:
            size = len(os.fsencode(path))
        except UnicodeEncodeError:
            raise InvalidInput("the path is no text that a file system can have") from None
        if "\0" in path:
            raise InvalidInput("a path has no NUL in it")
        if size > LONGEST_PATH:
            raise InvalidInput(f"a path has at most {LONGEST_PATH} bytes, not {size}")
        return project_path(path, self._user_home)

    def of(self, pid: int) -> str | None:
        """Name the project of a process: what it was told, else that of its directory.

        What can be no path counts as not told: nobody answers for another process's environment.
        """
        named = self._processes.variable(pid, "STYXY_PROJECT") or ""
        directory = self._processes.directory(pid)
        if directory is None:
            return None
        report = os.path.join(directory, named)
        return self.at(report if len(os.fsencode(report)) <= LONGEST_PATH else directory)
