"""Who may use the daemon, checked before anything else in a request is trusted.

Over TCP a token is needed, or the session of a browser that has signed in; over the Unix socket the
kernel identifies the caller, and only the daemon's own user and root are allowed. A `Host` that is
not a loopback name or an `Origin` of another site is refused on both, token or not: a web page must
not reach the daemon by DNS rebinding or cross-site requests. The checks run in the order of
`Auth._judge`: a client without the token learns nothing about paths, methods and bodies.
"""

from __future__ import annotations

import hmac
import os
import re
import socket
import time
from typing import TYPE_CHECKING

from styxy.adapters.portable.peers import peer_of
from styxy.core.errors import (
    BodyTooLarge,
    Forbidden,
    InvalidInput,
    RateLimited,
    StyxyError,
    Unauthorized,
)
from styxy.core.messages import echo
from styxy.server.net.browser_sessions import NOT_SIGNED_IN, has_proof

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from styxy.server.net.browser_sessions import BrowserSessions
    from styxy.server.net.rate_limit import Allowance, RateLimiter

    Refuse = Callable[[StyxyError, dict[str, str]], Response]

MAX_BODY = 64 * 1024
"""Bytes; the largest legitimate body is a path of 4 KiB with some names around it."""

MAX_HOOK_BODY = 4 * MAX_BODY
"""Bytes of what an agent's hook sends: it has the output of a command."""

HOOKS = "/hooks/"
"""The beginning of the paths of hooks."""

PEER = "styxy.peer"
"""Key of the connection's `Peer` in the ASGI state; absent on TCP."""

STRANGER = "styxy.stranger"
"""Key in the ASGI state of a TCP connection that is another user's, or whose owner is unknown."""

KNOWN = "styxy.known"
"""Key of whether a request came with the token, in a session, or over the Unix socket, in the ASGI
scope."""

SESSION = "styxy.session"
"""Key of the browser session that a request came in, in the ASGI scope; absent otherwise."""

PROOF = b"x-styxy-page"
"""The header in which the page shows the proof of its session."""

BY_COOKIE = frozenset({"/docs", "/openapi.json", "/events"})
"""Paths that may be read with the cookie alone: a visit and an EventSource can send no header."""

LOOPBACK = r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"
"""Valid values of `Host`: names that browsers resolve to this machine without asking anybody."""

FOREIGN_SITES = frozenset({b"cross-site", b"same-site"})
"""What browsers send in Sec-Fetch-Site (Fetch Metadata) for a request made by another page. To
them, all ports of localhost are one site, so a page of a development server is `same-site`."""

_HOST = re.compile(LOOPBACK, re.IGNORECASE)
_ORIGIN = re.compile("https?://" + LOOPBACK, re.IGNORECASE)
_SINGLE = (b"host", b"authorization", b"x-api-key", b"origin", b"content-type", PROOF)


class Peer:
    """The process at the other end of a Unix socket, as it was when it connected.

    `is_allowed`: its user may use the daemon.
    """

    __slots__ = ("gid", "is_allowed", "pid", "uid")

    def __init__(self, connection: socket.socket) -> None:
        self.pid, self.uid, self.gid = peer_of(connection)  # the kernel's word, not the peer's
        self.is_allowed = is_allowed_user(self.uid)


def is_allowed_user(uid: int) -> bool:
    """Return whether a local user may use the daemon: its own, and root."""
    return uid in (os.geteuid(), 0)


def holder_of(speaker: int, named: int | None, *, uid: int) -> int:
    """Choose the pid that becomes the holder: the named one, or the speaker's own.

    A guest speaks for itself, or, as a seccomp supervisor does, for a program of its tree. The
    kernel names who speaks (SO_PEERCRED); for whom, only the line itself says. It is believed where
    it gains the speaker nothing, whose user is `uid`: of a process of an allowed user, or from
    root, whose supervisor stays root's if the program becomes another user; and in the daemon's own
    pid namespace, where the number means the same process.
    """
    if named is None:
        return speaker
    try:
        is_ours = is_allowed_user(os.stat(f"/proc/{named}").st_uid) or uid == 0
        is_here = os.readlink(f"/proc/{speaker}/ns/pid") == os.readlink("/proc/self/ns/pid")
    except OSError:
        return speaker  # ENOENT: it has ended in the meantime; EACCES: not accessible
    return named if is_ours and is_here else speaker


class Auth:
    """Protects the application; `refuse` writes an error in the API's shape.

    `open_operations`, each a method and a path, need no token, and the rate limit does not apply to
    `uncounted_paths`. `sessions` are those of browsers.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        limiter: RateLimiter,
        sessions: BrowserSessions,
        open_operations: frozenset[tuple[str, str]],
        uncounted_paths: frozenset[str],
        refuse: Refuse,
    ) -> None:
        self._app = app
        self._token = token.encode() if token is not None else None
        self._limiter = limiter
        self._sessions = sessions
        self._open_operations = open_operations
        self._uncounted_paths = uncounted_paths
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, or answer it with an error."""
        allowance: list[tuple[str, str]] = []
        try:
            self._judge(scope, allowance)
        except StyxyError as error:
            await self._refuse(error, dict(allowance))(scope, receive, send)
            return
        # A length that a header tells is checked by now, and the parser holds the body to it.
        is_chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
        await self._app(
            scope,
            _bounded(receive, _most(scope)) if is_chunked else receive,
            _telling(send, allowance) if allowance else send,
        )

    def _judge(self, scope: Scope, answer_headers: list[tuple[str, str]]) -> None:
        """Raise the first error of a request; `answer_headers` receives the rate limit headers."""
        headers = dict(reversed(scope["headers"]))
        _check_site(scope["headers"], headers)
        is_stranger = PEER not in scope.get("state", {})
        refusal = self._lacking(scope, headers) if is_stranger else None
        scope[KNOWN] = refusal is None
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if (method, scope["path"]) in self._open_operations:
            refusal = None
        if is_stranger and scope["path"] not in self._uncounted_paths:
            # Clients without the token are counted separately, to protect the quota of others; what
            # is open to all is no exception.
            allowance = self._limiter.take((_source(scope), scope[KNOWN]))
            if allowance is not None:
                answer_headers += allowance.headers(now=time.time())
                _check_rate(allowance)
        if refusal is not None:
            raise refusal
        _check_form(scope["headers"], headers, most=_most(scope))

    def _lacking(self, scope: Scope, headers: dict[bytes, bytes]) -> StyxyError | None:
        if self._token is None:
            return None
        scheme, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        given = bearer.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        cookies = headers.get(b"cookie", b"").decode("latin-1")
        if not given and self._sessions.has_cookie(cookies):
            return self._lacking_session(scope, headers, cookies)
        if not given:
            return Unauthorized(
                "missing token: send 'Authorization: Bearer TOKEN'; the token is in auth.token in "
                "the Styxy home"
            )
        if not hmac.compare_digest(given, self._token):
            return Unauthorized("wrong token; the right one is in auth.token in the Styxy home")
        return None

    def _lacking_session(
        self, scope: Scope, headers: dict[bytes, bytes], cookies: str
    ) -> StyxyError | None:
        """Say why a request is in no session, and note the session if it is in one.

        The connection must be of the daemon's user: every server on localhost gets the cookie.
        """
        if STRANGER in scope.get("state", {}):
            return Unauthorized(NOT_SIGNED_IN, suggestions=["styxy open"])
        session = self._sessions.find(cookies)
        if session is not None:
            is_reading = scope["method"] in ("GET", "HEAD") and scope["path"] in BY_COOKIE
            if is_reading or has_proof(session, headers.get(PROOF, b"")):
                scope[SESSION] = session
                return None
        return Unauthorized(NOT_SIGNED_IN, suggestions=["styxy open"])


def _source(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _check_rate(allowance: Allowance) -> None:
    if allowance.is_spent:
        raise RateLimited(
            f"rate limit of {allowance.limit} requests exceeded; try again in "
            f"{allowance.retry_after:.1f} s, or use the Unix socket, which has no limit",
            limit=allowance.limit,
            retry_after=round(allowance.retry_after, 3),
        )


def _check_site(lines: list[tuple[bytes, bytes]], headers: dict[bytes, bytes]) -> None:
    # Each one must be valid: which of two counts would depend on the reader.
    hosts = [value.decode("latin-1") for name, value in lines if name == b"host"] or [""]
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise Forbidden(
                f"this daemon serves localhost only; Host {echo(host)} is not a loopback name"
            )
    for origin in (value.decode("latin-1") for name, value in lines if name == b"origin"):
        if not (_ORIGIN.fullmatch(origin) and origin.endswith("://" + hosts[0])):
            raise Forbidden(f"requests from another site ({echo(origin)}) are refused")
    is_visit = headers.get(b"sec-fetch-mode") == b"navigate"
    if headers.get(b"sec-fetch-site") in FOREIGN_SITES and not is_visit:
        raise Forbidden("requests made by a page of another site are refused")


def _most(scope: Scope) -> int:
    """Return how many bytes the body of a request may have."""
    return MAX_HOOK_BODY if scope["path"].startswith(HOOKS) else MAX_BODY


def _check_form(
    lines: list[tuple[bytes, bytes]], headers: dict[bytes, bytes], *, most: int
) -> None:
    names = [name for name, _ in lines]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise InvalidInput(f"the header {name.decode()} appears more than once; send it once")
    length = headers.get(b"content-length", b"0")
    if len(length) > 18 or int(length) > most:  # the parser has made sure that it is a number
        raise _too_large(most)


def _bounded(receive: Receive, most: int) -> Receive:
    """Count a chunked body, whose length no header gives."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise _too_large(most)
        return message

    return bounded


def _telling(send: Send, lines: list[tuple[str, str]]) -> Send:
    """Add headers to a response."""
    encoded = [(name.encode(), value.encode()) for name, value in lines]

    async def telling(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *encoded]
        await send(message)

    return telling


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body exceeds {most} bytes; send less", limit=most)
