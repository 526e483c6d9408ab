"""Which project a path or a process belongs to, and what else a process tells of itself: the one
place for the daemon and for `who` alike.

Callers may name a directory inside a worktree, or reach it over a link; sessions that work in one
tree must still be one project. So whatever comes in as a path is made canonical here, by the rule
of `core.model.projects`, before a lease or an instance carries it.

Somebody else chose these paths, and a look at one may never be answered. So all looks go through
`lookups`; a path that is silent is a project of its own, by its spelling, until it answers.
"""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING

from styxy.adapters.projects import git
from styxy.adapters.projects.lookups import DirectLookups, reach
from styxy.core.commands.programs import program_of
from styxy.core.errors import InvalidInput
from styxy.core.model.projects import LONGEST_PATH
from styxy.core.names import INSTANCE_NAMES, instance_of

if TYPE_CHECKING:
    from styxy.adapters.processes import Processes
    from styxy.adapters.projects.lookups import Lookups


MOST_UNREADABLE = 20
"""Paths that are remembered because their links could not be followed; the oldest gives way."""

REPO_SECONDS = 0.25
MOST_REPOS = 1000
"""How long the repo of a project is remembered, and of how many projects."""


class Projects:
    """Identifies projects by their canonical paths. `user_home` never counts as a worktree.

    `unreadable` has the paths whose links could not be followed, and why; `lookups` has those that
    are silent now.
    """

    def __init__(
        self,
        *,
        processes: Processes,
        user_home: str,
        lookups: Lookups | DirectLookups | None = None,
    ) -> None:
        self._processes = processes
        self._user_home = user_home
        self.lookups = lookups or DirectLookups()
        self.unreadable: dict[str, str] = {}
        self._repos: dict[str, tuple[int, float]] = {}

    def at(self, path: str) -> str:
        """Return the project of an absolute path; a directory that no longer exists keeps its name.

        Raises `InvalidInput` for what cannot be a path on this system.
        """
        try:
            size = len(os.fsencode(path))
        except UnicodeEncodeError:
            raise InvalidInput("the path cannot be encoded for the file system") from None
        if "\0" in path:
            raise InvalidInput("a path must not contain NUL")
        if size > LONGEST_PATH:
            raise InvalidInput(f"a path must be at most {LONGEST_PATH} bytes, not {size}")
        by_name: tuple[str, str | None] = (git.spelled(path), None)
        project, reason = self.lookups.ask(_find_project, path, self._user_home, otherwise=by_name)
        if reason is not None:
            self._note_unreadable(path, reason)
        return project

    def repo_of(self, project: str) -> int:
        """Return the key of a project's repo; 0 if it has none, or is silent.

        It is asked several times for one question, and hardly ever changes: for `REPO_SECONDS`, the
        last answer holds.
        """
        now = time.monotonic()
        key, until = self._repos.get(project, (0, 0.0))
        if now >= until:
            key = self.lookups.ask(git.repo_of, project, otherwise=0)
            if len(self._repos) >= MOST_REPOS:
                self._repos.clear()
            self._repos[project] = key, now + REPO_SECONDS
        return key

    def branch_of(self, project: str) -> str | None:
        """Return the branch that is checked out in a project, if it has one and is not silent."""
        return self.lookups.ask(git.branch_of, project, otherwise=None)

    def canonical(self, path: str) -> str:
        """Resolve the links of a path; one that cannot be resolved keeps its spelling."""
        return self.lookups.ask(git.canonical, path, otherwise=git.spelled(path))

    def answers(self, path: str) -> bool:
        """Return whether a look at a path comes back, whatever it finds: whoever reads a file that
        others named asks this first."""
        return self.lookups.ask(reach, path, otherwise=False)

    def _note_unreadable(self, path: str, reason: str) -> None:
        if path not in self.unreadable:
            import logging  # costs a command 6 ms, and is mostly not needed

            log = logging.getLogger(__name__)
            log.warning("cannot follow the links of %r: %s", path, reason)
        self.unreadable[path] = reason
        while len(self.unreadable) > MOST_UNREADABLE:
            del self.unreadable[next(iter(self.unreadable))]

    def shown(self, path: str) -> str:
        """Spell a path for people, with `~` for the user's home directory."""
        home = self._user_home.rstrip("/")
        return f"~{path[len(home) :]}" if home and f"{path}/".startswith(f"{home}/") else path

    def resolve(self, path: str | None, *, pid: int | None = None) -> str | None:
        """Name the project of a request: of the path that it names, else of its process.

        Raises `InvalidInput` as `at` does.
        """
        if path:
            return self.at(path)
        return self.of(pid) if pid is not None else None

    def of(self, pid: int) -> str | None:
        """Return the project of a process: from its environment, else from its directory."""
        named = self._processes.variable(pid, "STYXY_PROJECT")
        return self.below(self._processes.directory(pid), named=named)

    def below(self, directory: str | None, *, named: str | None) -> str | None:
        """Return the project of a process that runs in `directory` and whose environment says
        `named`.

        What cannot be a path is ignored: the caller is not responsible for another process's
        environment.
        """
        if directory is None:
            return None
        path = os.path.join(directory, named or "")
        return self.at(path if len(os.fsencode(path)) <= LONGEST_PATH else directory)


def _find_project(path: str, user_home: str) -> tuple[str, str | None]:
    """Return the project of a path, and why its links could not be followed, if so."""
    met: list[str] = []

    def note(_path: str, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) else "too many links"
        met.append(reason or str(error))

    return git.project_path(path, user_home, note), next(iter(met), None)


class ProcessFacts:
    """Queries each process once for what it shows about itself, each directory for its project."""

    def __init__(self, processes: Processes, projects: Projects) -> None:
        self._processes = processes
        self._projects = projects
        self._known: dict[int, dict[str, str | None]] = {}
        self._by_directory: dict[tuple[str | None, str | None], str | None] = {}

    def of(self, pid: int) -> dict[str, str | None]:
        """Return what a process shows about itself, in the terms of `Usage`."""
        if pid not in self._known:
            self._known[pid] = self._ask(pid)
        return self._known[pid]

    def _ask(self, pid: int) -> dict[str, str | None]:
        command = self._processes.command(pid)
        variables = self._processes.variables(pid, "STYXY_PROJECT", *INSTANCE_NAMES)
        where = (self._processes.directory(pid), variables.get("STYXY_PROJECT"))
        if where not in self._by_directory:
            self._by_directory[where] = self._projects.below(where[0], named=where[1])
        return {
            "process": self._processes.name(pid),
            "program": program_of(command) if command else None,
            "command": shlex.join(command) if command else None,
            "project": self._by_directory[where],
            "instance_id": instance_of(variables),
        }
