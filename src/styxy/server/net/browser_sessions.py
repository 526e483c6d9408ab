"""Who is signed in with a browser: codes that work once, and the sessions that they begin.

Theory of operation. A browser sends a cookie of `localhost` to every server there, whatever its
port, so the cookie alone is not believed: with it, a request has to show the *proof*, which only
the page's own storage has (storage belongs to one port), and come over a connection of which the
kernel says that it is of the daemon's user. What another local server receives is of no use to it.

Codes and sessions are in memory alone: they end with the daemon.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable

CODE_SECONDS = 60
"""How long a code waits for its browser: the time to start a slow one."""

SESSION_SECONDS = 12 * 3600.0
"""A working day."""

MOST_CODES = 20
MOST_SESSIONS = 50
"""Of each; the oldest gives way."""

MOST_COOKIES = 200
"""Cookies of a request that are looked at; browsers keep at most 180 for a host."""

NOT_SIGNED_IN = "this browser is not signed in, or no longer; type: styxy open"


class BrowserSession(Struct, frozen=True, kw_only=True):
    """One browser that is signed in: what its cookie says, and what its page must show."""

    cookie: str
    proof: str
    until: float


class BrowserSessions:
    """The codes and sessions of one daemon. `port` is its own; `clock` in seconds, never set back.

    `origin` is where a browser finds the page; None if the daemon serves no TCP port. The name of
    the cookie has the port, because two daemons' cookies meet in one browser.
    """

    def __init__(self, port: int, clock: Callable[[], float], *, origin: str | None = None) -> None:
        self.origin = origin
        self.cookie_name = f"styxy_{port}"
        self._clock = clock
        self._codes: OrderedDict[str, float] = OrderedDict()
        self._sessions: OrderedDict[str, BrowserSession] = OrderedDict()

    def new_code(self) -> str:
        """Make a code with which one browser may sign in within `CODE_SECONDS`."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = self._clock() + CODE_SECONDS
        while len(self._codes) > MOST_CODES:
            self._codes.popitem(last=False)
        return code

    def sign_in(self, code: str) -> BrowserSession:
        """Begin a session, and use up the code. Raises `Forbidden`."""
        now = self._clock()
        until = self._codes.pop(code, None)
        if until is None or until < now:
            raise Forbidden(
                "this code has been used, or is too old: each works once, within "
                f"{CODE_SECONDS} s; for a new one, type: styxy open",
                suggestions=["styxy open"],
            )
        session = BrowserSession(
            cookie=secrets.token_urlsafe(32),
            proof=secrets.token_urlsafe(32),
            until=now + SESSION_SECONDS,
        )
        self._forget_old(now)
        self._sessions[session.cookie] = session
        return session

    def _forget_old(self, now: float) -> None:
        """Forget the sessions that are over, and make room for one more."""
        while self._sessions:
            oldest = next(iter(self._sessions.values()))  # and so the first to be over
            if oldest.until >= now and len(self._sessions) < MOST_SESSIONS:
                return
            del self._sessions[oldest.cookie]

    def sign_out(self, session: BrowserSession) -> None:
        """End a session."""
        self._sessions.pop(session.cookie, None)

    def has_cookie(self, header: str) -> bool:
        """Return whether a `Cookie` header has a cookie of ours, whatever it says."""
        return any(name == self.cookie_name for name, _ in _cookies(header))

    def find(self, header: str) -> BrowserSession | None:
        """Find the session that a `Cookie` header names.

        Any server of localhost may have set a cookie with our name, so there may be several.
        """
        now = self._clock()
        for name, value in _cookies(header):
            # A lookup tells an attacker nothing by its time: nobody guesses 256 random bits.
            session = self._sessions.get(value) if name == self.cookie_name else None
            if session is not None and session.until >= now:
                return session
        return None

    def header(self, session: BrowserSession) -> str:
        """Return the `Set-Cookie` header (RFC 6265bis) of a session."""
        return f"{self.cookie_name}={session.cookie}; {_ATTRIBUTES}"

    def removal(self) -> str:
        """Return the `Set-Cookie` header that removes the cookie."""
        return f"{self.cookie_name}=; Max-Age=0; {_ATTRIBUTES}"


_ATTRIBUTES = "Path=/; HttpOnly; SameSite=Strict"


def has_proof(session: BrowserSession, shown: bytes) -> bool:
    """Return whether a request has shown the proof of its session."""
    return hmac.compare_digest(session.proof.encode(), shown)


def _cookies(header: str) -> list[tuple[str, str]]:
    first = header.split(";", MOST_COOKIES)[:MOST_COOKIES]
    pairs = (each.strip().partition("=") for each in first)
    return [(name, value) for name, _, value in pairs]
