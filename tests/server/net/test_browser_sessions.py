"""Codes that work once, and the sessions that they begin; time is the test's."""

from __future__ import annotations

import pytest

from styxy.core.errors import Forbidden
from styxy.server.net.browser_sessions import (
    CODE_SECONDS,
    MOST_CODES,
    MOST_COOKIES,
    MOST_SESSIONS,
    SESSION_SECONDS,
    BrowserSession,
    BrowserSessions,
    has_proof,
)


class Clock:
    """Tell the time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> BrowserSessions:
    return BrowserSessions(9876, clock)


def cookie_of(sessions: BrowserSessions, session: BrowserSession) -> str:
    """What a browser sends after it was given the cookie."""
    return sessions.header(session).partition(";")[0]


def test_a_code_begins_one_session_and_no_second_one(sessions: BrowserSessions) -> None:
    code = sessions.new_code()
    session = sessions.sign_in(code)
    assert sessions.find(cookie_of(sessions, session)) is session
    with pytest.raises(Forbidden, match="styxy open"):
        sessions.sign_in(code)


def test_a_code_that_was_never_made_begins_nothing(sessions: BrowserSessions) -> None:
    sessions.new_code()
    for code in ("", "x", "\udcff"):
        with pytest.raises(Forbidden):
            sessions.sign_in(code)


def test_a_code_is_of_no_use_after_a_minute(sessions: BrowserSessions, clock: Clock) -> None:
    code = sessions.new_code()
    clock.now += CODE_SECONDS + 0.1
    with pytest.raises(Forbidden):
        sessions.sign_in(code)


def test_the_oldest_codes_and_sessions_give_way(sessions: BrowserSessions) -> None:
    first = sessions.new_code()
    for _ in range(MOST_CODES):
        sessions.new_code()
    with pytest.raises(Forbidden):
        sessions.sign_in(first)
    oldest = sessions.sign_in(sessions.new_code())
    for _ in range(MOST_SESSIONS):
        sessions.sign_in(sessions.new_code())
    assert sessions.find(cookie_of(sessions, oldest)) is None


def test_a_session_ends_after_a_working_day_and_when_it_is_ended(
    sessions: BrowserSessions, clock: Clock
) -> None:
    ended, old = sessions.sign_in(sessions.new_code()), sessions.sign_in(sessions.new_code())
    sessions.sign_out(ended)
    assert sessions.find(cookie_of(sessions, ended)) is None
    clock.now += SESSION_SECONDS + 1
    assert sessions.find(cookie_of(sessions, old)) is None


def test_a_cookie_that_another_server_has_set_does_not_hide_ours(sessions: BrowserSessions) -> None:
    session = sessions.sign_in(sessions.new_code())
    ours = cookie_of(sessions, session)
    assert sessions.find(f"theme=dark; styxy_9876=planted; {ours}") is session
    assert sessions.find("styxy_9876=planted") is None
    assert not sessions.has_cookie("styxy_9877=other; theme=dark")


def test_only_as_many_cookies_are_looked_at_as_a_browser_sends(sessions: BrowserSessions) -> None:
    ours = cookie_of(sessions, sessions.sign_in(sessions.new_code()))
    planted = ["styxy_9876=planted"] * (MOST_COOKIES - 1)
    assert sessions.find("; ".join([*planted, ours])) is not None
    assert sessions.find("; ".join([*planted, "theme=dark", ours])) is None


def test_sessions_that_are_over_are_forgotten_before_those_that_last(
    sessions: BrowserSessions, clock: Clock
) -> None:
    for _ in range(MOST_SESSIONS - 1):
        sessions.sign_in(sessions.new_code())
    clock.now += SESSION_SECONDS / 2
    lasting = sessions.sign_in(sessions.new_code())
    clock.now += SESSION_SECONDS / 2 + 1
    for _ in range(MOST_SESSIONS - 1):
        sessions.sign_in(sessions.new_code())
    assert sessions.find(cookie_of(sessions, lasting)) is lasting


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(sessions: BrowserSessions) -> None:
    header = sessions.header(sessions.sign_in(sessions.new_code()))
    assert header.endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert "Max-Age=0" in sessions.removal()


def test_only_the_proof_of_the_same_session_is_one(sessions: BrowserSessions) -> None:
    mine, other = sessions.sign_in(sessions.new_code()), sessions.sign_in(sessions.new_code())
    assert has_proof(mine, mine.proof.encode())
    assert not has_proof(mine, other.proof.encode())
    assert not has_proof(mine, b"")
