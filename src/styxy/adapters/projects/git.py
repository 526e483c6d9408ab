"""Worktrees as the disk shows them, without starting git: its files are enough
(gitrepository-layout(5)).

Deliberately light: the command line uses this at every `allocate`.
"""

from __future__ import annotations

import os

from styxy.core.model.projects import PROJECT_FILES, choose_project

_LONGEST_CONFIG = 64 * 1024
"""Bytes of a git config that are read; `native/guest/project/repo.c` has the same bound."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    OnUnreadable = Callable[[str, Exception], None]


def project_path(directory: str, home: str, on_unreadable: OnUnreadable | None = None) -> str:
    """Find the project that `directory` belongs to, as a canonical path.

    A directory that no longer exists is its own project, under its former name. So is one whose
    links cannot be followed; `on_unreadable` hears of it.
    """
    return choose_project(
        canonical(directory, on_unreadable),
        home=canonical(home),
        is_worktree=is_worktree,
        has_project_file=_has_project_file,
    )


def canonical(path: str, on_unreadable: OnUnreadable | None = None) -> str:
    """Resolve the links of a path; one that cannot be resolved keeps its spelling, without `..`.

    The links of /proc may not be read or lead nowhere (proc(5)), and whoever names a path may have
    laid a chain of a thousand. `on_unreadable` is called with the path and what it met.
    """
    try:
        return os.path.realpath(path)
    except (OSError, RecursionError, ValueError) as error:
        if on_unreadable is not None:
            on_unreadable(path, error)
        return spelled(path)


def spelled(path: str) -> str:
    """Return the canonical spelling of a path without a look at the disk: links stay."""
    return os.path.normpath(os.path.join("/", path))


def is_worktree(directory: str) -> bool:
    """Return whether a git worktree has its root here; submodules and linked ones have a file."""
    return _is_file(f"{directory}/.git") or _is_file(f"{directory}/.git/HEAD")


def _has_project_file(directory: str) -> bool:
    return any(_is_file(f"{directory}/{name}") for name in PROJECT_FILES)


def _is_file(path: str) -> bool:
    # Most are missing, and access(2) reports that without an exception, at a fifth of the cost.
    return os.access(path, os.F_OK) and os.path.isfile(path)


def repo_of(project: str) -> int:
    """Return the key of a worktree's repo in the port map; 0 if there is none."""
    from styxy.core.model.repos import (  # not for the fast path
        local_path,
        normalised_origin,
        repo_key,
    )

    common = common_directory(project)
    if common is None:
        return 0
    address = origin_of(os.path.join(common, "config"))
    if address is None:
        return repo_key(origin=None, common_directory=common)
    path = local_path(address)
    if path is not None:
        # git resolves a relative remote from the repo; ours must not depend on the worktree either.
        address = canonical(os.path.join(os.path.dirname(common), path))
    return repo_key(origin=normalised_origin(address), common_directory=common)


def common_directory(worktree: str) -> str | None:
    """Find the directory that all worktrees of a repo share (gitrepository-layout(5)).

    A linked worktree's `.git` is a file that names its own directory, and that one has a file
    `commondir`.
    """
    directory = _git_directory(worktree)
    if directory is None:
        return None
    common = _named_in(os.path.join(directory, "commondir"), "", directory) or directory
    return canonical(common)


def is_linked(worktree: str) -> bool:
    """Distinguish a linked worktree from the main one, and from a submodule."""
    directory = _git_directory(worktree)
    return directory is not None and os.path.exists(os.path.join(directory, "commondir"))


def is_unlisted(worktree: str) -> bool:
    """Return whether a linked worktree's repo is there and does not know the worktree any more.

    What `git worktree remove` and `prune` delete is its directory in the repo's `worktrees`
    (gitrepository-layout(5)). Where the whole repo has gone, it may only have been moved.
    """
    directory = _git_directory(worktree)
    if directory is None or os.path.exists(directory):
        return False
    above, name = os.path.split(os.path.normpath(directory))
    repo, folder = os.path.split(above)
    return bool(name) and folder == "worktrees" and _is_file(os.path.join(repo, "HEAD"))


def branch_of(worktree: str) -> str | None:
    """Return the branch that is checked out, or the start of the commit id if there is none."""
    directory = _git_directory(worktree)
    if directory is None:
        return None
    head = _first_line(os.path.join(directory, "HEAD")).strip()
    if head.startswith("ref: "):
        # A repo that keeps its refs in a table has `.invalid` here (gitformat-reftable(5)).
        name = head.removeprefix("ref: refs/heads/")
        return None if name == ".invalid" else name
    return f"commit {head[:12]}" if head else None


def origin_of(config: str) -> str | None:
    """Read the address of the remote `origin` from a git config file (git-config(1)).

    Includes are not followed; a repo whose origin is in one is identified by its directory.
    """
    section, address = "", None
    # As ASCII, because the library knows no other blanks and line ends; other bytes pass through.
    for line in _text(config, encoding="ascii").splitlines():
        text = line.strip()
        if text.startswith("["):
            section = text.rpartition("]")[0].lstrip("[").strip()
        elif section == 'remote "origin"':
            name, equals, value = text.partition("=")
            if equals and name.strip().lower() == "url":
                address = value.strip().strip('"')
    return address


def _git_directory(worktree: str) -> str | None:
    marker = os.path.join(worktree, ".git")
    return marker if os.path.isdir(marker) else _named_in(marker, "gitdir: ", worktree)


def _named_in(path: str, prefix: str, base: str) -> str | None:
    """Read the path in one of git's one-line files, relative to `base`."""
    first = _first_line(path)
    if not first.startswith(prefix) or not first.strip():
        return None
    return os.path.join(base, first.removeprefix(prefix))


def _first_line(path: str) -> str:
    return _text(path).replace("\r", "\n").partition("\n")[0]


def _text(path: str, *, encoding: str = "utf-8") -> str:
    """Read one of git's files; nothing if it does not exist, or contains NUL and so is not text."""
    if not _is_file(path):
        return ""  # above all no FIFO, which would hold the daemon up (fifo(7))
    try:
        with open(path, "rb") as file:
            content = file.read(_LONGEST_CONFIG)
    except OSError:
        return ""
    return "" if b"\0" in content else content.decode(encoding, "surrogateescape")
