"""Which servers nobody has any more, and why: facts in, a reason out.

The rule is strict, because what it names may be ended: a server is abandoned if its directory or
worktree was deleted, or if the agent session that started it has ended. Where a living project has
its port on lease, a deleted directory says nothing: the project still wants it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["session", "worktree", "directory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What is left of the surroundings of a server.

    `session` is its agent session, `has_session_ended` if that is certain; `has_lease`: a project
    whose directory exists has its port on lease.
    """

    directory: str | None
    is_directory_gone: bool
    unlisted_worktree: str | None
    session: str | None
    has_session_ended: bool
    has_lease: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandonment:
    """Why nobody has a server any more, as a word and in words."""

    reason: Reason
    why: str


def abandonment(remains: Remains) -> Abandonment | None:
    """Return why a server is abandoned; None if somebody may still have it."""
    if remains.is_directory_gone and not remains.has_lease:
        why = f"its directory was deleted: {remains.directory}"
        return Abandonment(reason="directory", why=why)
    if remains.unlisted_worktree is not None and not remains.has_lease:
        why = f"git has removed its worktree: {remains.unlisted_worktree}"
        return Abandonment(reason="worktree", why=why)
    if remains.session is not None and remains.has_session_ended:
        return Abandonment(reason="session", why=f"its session has ended: {remains.session}")
    return None
