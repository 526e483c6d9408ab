"""What a project is: the rule itself, without any disk access.

A project is a directory tree: the nearest git worktree upwards, else the nearest directory upwards
with a project file, else the directory itself. Linked worktrees of one repo are different projects
that know their common repo. `adapters.projects.git` brings the facts; the native library applies
the same rule in C, and a test holds the two against each other.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LONGEST_PATH = 4096
"""Bytes of a path: PATH_MAX of limits.h(0p)."""

PROJECT_FILES = (
    "package.json",
    "pyproject.toml",
    "Cargo.toml",
    "go.mod",
    "Gemfile",
    "composer.json",
    "mix.exs",
    "pom.xml",
    "build.gradle",
)


def shortest_end(project: str, others: Iterable[str]) -> str:
    """Name a project by the shortest end of its path that no other project's path has."""
    parts = project.strip("/").split("/")
    rivals = {other for other in others if other != project}
    for count in range(1, len(parts) + 1):
        end = "/".join(parts[-count:])
        rivals = {other for other in rivals if f"/{other.strip('/')}".endswith(f"/{end}")}
        if not rivals:
            return end or "/"
    return project


def upwards(directory: str) -> Iterator[str]:
    """Iterate over a canonical absolute directory and its parents, up to the root."""
    while True:
        yield directory
        parent = directory.rpartition("/")[0] or "/"
        if parent == directory:
            return
        directory = parent


def choose_project(
    directory: str,
    *,
    home: str,
    is_worktree: Callable[[str], bool],
    has_project_file: Callable[[str], bool],
) -> str:
    """Apply the rule to a canonical absolute `directory`.

    `/` and `home` never count as a worktree: a repo of dot files would otherwise make one project
    of everything that the user has.
    """
    chain = list(upwards(directory))
    for candidate in chain:
        if candidate not in ("/", home) and is_worktree(candidate):
            return candidate
    for candidate in chain:
        if has_project_file(candidate):
            return candidate
    return directory
