"""Looks that a short command makes, within a deadline.

Almost every look is at a disk of this machine and takes microseconds, less than loading what a look
with a deadline needs. So looks are made at once, unless some mount here depends on a server.
"""

from __future__ import annotations

from styxy.adapters.projects.git import project_path, spelled
from styxy.adapters.projects.mounts import dependent_mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


def answers(path: str) -> bool:
    """Return whether a look at an absolute path comes back, whatever it finds."""
    if not _may_hang():
        return True
    from styxy.adapters.projects.lookups import reach

    return _look(reach, path, otherwise=False)


def project_at(path: str, user_home: str) -> str:
    """Find the project of an absolute path; where no look comes back, it is the path itself."""
    if not _may_hang():
        return project_path(path, user_home)
    return _look(project_path, path, user_home, otherwise=spelled(path))


def _may_hang() -> bool:
    """Return whether any look may: a link, or the home of the user, may lead to such a mount."""
    return any(dependent_mounts())


def _look(look: Callable[..., T], *words: str, otherwise: T) -> T:
    from styxy.adapters.projects.lookups import PATIENT_SECONDS, Lookups

    lookups = Lookups(seconds=PATIENT_SECONDS)
    try:
        return lookups.ask(look, *words, otherwise=otherwise)
    finally:
        lookups.close()
