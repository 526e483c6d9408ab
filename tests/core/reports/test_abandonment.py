"""Which servers nobody has any more, and what keeps one from being called so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from styxy.core.reports.abandonment import Remains, abandonment

LIVING = Remains(
    directory="/home/ada/shop",
    is_directory_gone=False,
    unlisted_worktree=None,
    session=None,
    has_session_ended=False,
    has_lease=False,
)
SESSION = replace(LIVING, session="claude-1", has_session_ended=True)
WORKTREE = replace(LIVING, unlisted_worktree="/home/ada/shop-login")
DIRECTORY = replace(LIVING, is_directory_gone=True)


@pytest.mark.parametrize(
    ("remains", "reason", "why"),
    [
        (SESSION, "session", "its session has ended: claude-1"),
        (WORKTREE, "worktree", "git has removed its worktree: /home/ada/shop-login"),
        (DIRECTORY, "directory", "its directory was deleted: /home/ada/shop"),
    ],
)
def test_a_server_is_abandoned_with_what_it_belonged_to(
    remains: Remains, reason: str, why: str
) -> None:
    found = abandonment(remains)
    assert found is not None
    assert (found.reason, found.why) == (reason, why)


@pytest.mark.parametrize("remains", [WORKTREE, DIRECTORY])
def test_what_a_living_project_has_on_lease_is_not_abandoned(remains: Remains) -> None:
    assert abandonment(replace(remains, has_lease=True)) is None


def test_a_moved_server_of_an_ended_session_is_abandoned_although_it_has_a_lease() -> None:
    found = abandonment(replace(SESSION, has_lease=True))
    assert found is not None
    assert found.reason == "session"


@pytest.mark.parametrize(
    "remains", [LIVING, replace(SESSION, has_session_ended=False), replace(SESSION, session=None)]
)
def test_what_is_not_certain_is_not_said(remains: Remains) -> None:
    assert abandonment(remains) is None
