"""What the classifier may ask about the files of a project; others read the files.

A path is relative to the directory in which the line runs, or absolute. An implementation returns
the text of regular files up to a size limit, and None for anything else.
"""

from __future__ import annotations

import json
import posixpath
from itertools import islice
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HIGHEST = 8
"""Directories that are searched upwards for a file of the project."""

MOST_FILES = 256
"""Files that one line reads at most; a search upwards asks for a few that are absent."""

MOST_PACKAGES = 64
"""Packages of a workspace that are read."""


class Project(Protocol):
    """Access to the files of the project in which a command line runs."""

    def read(self, path: str) -> str | None:
        """Return the text of a file, or None if it cannot be read."""

    def folders(self, path: str) -> Sequence[str]:
        """Return the names of the directories in a directory."""


class NoProject:
    """A project without files: only the words of a line are known."""

    def read(self, _path: str) -> str | None:
        """Return None: there are no files."""
        return None

    def folders(self, _path: str) -> Sequence[str]:
        """Return nothing: there are no directories."""
        return ()


class Limited:
    """A project whose files are read once each, and not more than `MOST_FILES` of them."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._texts: dict[str, str | None] = {}

    def read(self, path: str) -> str | None:
        """Return the text of a file, or None if it cannot be read."""
        if path not in self._texts:
            if len(self._texts) >= MOST_FILES:
                return None
            self._texts[path] = self._project.read(path)
        return self._texts[path]

    def folders(self, path: str) -> Sequence[str]:
        """Return the names of the directories in a directory."""
        return self._project.folders(path)


def nearest(project: Project, directory: str, names: Sequence[str]) -> tuple[str, str] | None:
    """Return the directory and text of the first of some files in a directory or above it."""
    for folder in upwards(directory):
        for name in names:
            text = project.read(posixpath.join(folder, name))
            if text is not None:
                return folder, text
    return None


def upwards(directory: str) -> Iterator[str]:
    """Iterate over a directory and its ancestors, up to a limit."""
    folder = directory
    for _ in range(HIGHEST):
        yield folder
        if folder == "/":
            return
        folder = posixpath.normpath(posixpath.join(folder, ".."))


def json_object(text: str | None) -> Mapping[str, object]:
    """Parse a JSON object; anything else gives an empty one."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def strings(value: object) -> dict[str, str]:
    """Return the items with a string value."""
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}


def workspace_packages(project: Project, directory: str) -> list[tuple[str, Mapping[str, object]]]:
    """Return the directory and package.json of each package in the workspace of a directory."""
    for folder in upwards(directory):
        root = json_object(project.read(posixpath.join(folder, "package.json")))
        patterns = _patterns(root, project.read(posixpath.join(folder, "pnpm-workspace.yaml")))
        if patterns:
            return list(islice(_matching(project, folder, patterns), MOST_PACKAGES))
    return []


def _patterns(root: Mapping[str, object], pnpm: str | None) -> list[str]:
    listed = root.get("workspaces")
    if isinstance(listed, dict):
        listed = listed.get("packages")
    if isinstance(listed, list):
        return [each for each in listed if isinstance(each, str)]
    lines = (line.strip() for line in (pnpm or "").splitlines())
    return [line[1:].strip().strip("'\"") for line in lines if line.startswith("-")]


def _matching(
    project: Project, root: str, patterns: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, object]]]:
    for pattern in patterns:
        base, star, _ = pattern.partition("*")
        base = posixpath.join(root, base.rstrip("/"))
        names = project.folders(base) if star else ("",)
        for name in names:
            folder = posixpath.normpath(posixpath.join(base, name))
            package = json_object(project.read(posixpath.join(folder, "package.json")))
            if package:
                yield folder, package
