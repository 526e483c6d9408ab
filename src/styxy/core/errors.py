"""All of Styxy's errors, as one tree.

    StyxyError
    ├── Refused                 the rules do not allow it; nothing has changed
    │   ├── InvalidInput        400  an invalid value
    │   ├── Unauthorized        401  missing or wrong credentials
    │   ├── Forbidden           403  not allowed, whatever the credentials
    │   ├── NotFound            404  no such lease, type, page
    │   │   ├── UnknownLease    404
    │   │   ├── UnknownServiceType  404
    │   │   └── UnknownInstance  404
    │   ├── MethodNotAllowed    405
    │   ├── Conflict            409  the current state does not allow it
    │   │   ├── RangeExhausted  409
    │   │   ├── NoRoom          409  no new range fits
    │   │   ├── NotYours        409  the lease is another project's
    │   │   └── ConfirmationRequired  409
    │   ├── BodyTooLarge        413
    │   └── RateLimited         429
    └── Unavailable             503  something outside Styxy failed; nothing has changed
        ├── JournalFailed       503  the journal cannot be written
        └── DaemonUnreachable   503  no daemon answers (raised only by clients)

Only `code` identifies an error over HTTP, never the class name or the text: no program matches
on messages. This module imports nothing, because the command line loads it at every start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3

WORLDS_ERRORS = (OSError, RecursionError, ValueError)
"""What the machine may answer about one process, path or report; it concerns that one alone."""


class StyxyError(Exception):
    """An error with one sentence for people and one stable code for programs.

    `context` holds the numbers behind the sentence, as plain JSON data; `suggestions` in it are
    commands or next steps, best first.
    """

    code = "error"
    status_hint = 500
    exit_code = EXIT_REFUSED

    def __init__(self, message: str, /, **context: object) -> None:
        super().__init__(message)
        self.message = message
        self.context: dict[str, object] = {"suggestions": [], **context}


class Refused(StyxyError):
    """The rules do not allow it; nothing has changed."""

    code = "refused"
    status_hint = 409


class InvalidInput(Refused):
    """A value is invalid; the message says what would be valid."""

    code = "invalid_input"
    status_hint = 400
    exit_code = EXIT_USAGE


class Unauthorized(Refused):
    """The request needs credentials."""

    code = "unauthorized"
    status_hint = 401


class Forbidden(Refused):
    """The caller is not allowed, and no credential would help."""

    code = "forbidden"
    status_hint = 403


class NotFound(Refused):
    """The named thing does not exist."""

    code = "not_found"
    status_hint = 404


class UnknownLease(NotFound):
    """No such lease: it never existed or has ended."""

    code = "unknown_lease"


class UnknownServiceType(NotFound):
    """No such service type."""

    code = "unknown_service_type"


class UnknownInstance(NotFound):
    """No such instance: it never registered or is gone."""

    code = "unknown_instance"


class MethodNotAllowed(Refused):
    """The path does not support the method; the error lists those it does."""

    code = "method_not_allowed"
    status_hint = 405


class Conflict(Refused):
    """The current state does not allow it."""

    code = "conflict"


class RangeExhausted(Conflict):
    """Every port of a range is leased or in use."""

    code = "range_exhausted"


class NoRoom(Conflict):
    """No new range fits between the limits."""

    code = "no_room"


class NotYours(Conflict):
    """Say whose a lease is that somebody else wants to end."""

    code = "not_yours"


class ConfirmationRequired(Conflict):
    """A new range needs confirmation; the error has the range and the token that confirms it."""

    code = "confirmation_required"


class BodyTooLarge(Refused):
    """A request body exceeds the limit, in bytes."""

    code = "body_too_large"
    status_hint = 413


class RateLimited(Refused):
    """Too many requests; the client should try again later."""

    code = "rate_limited"
    status_hint = 429


class Unavailable(StyxyError):
    """Something outside Styxy failed; nothing has changed, and trying again may help."""

    code = "unavailable"
    status_hint = 503


class JournalFailed(Unavailable):
    """An event could not be written, so nothing has changed."""

    code = "journal_failed"


class DaemonUnreachable(Unavailable):
    """No daemon answers; the message says how to start one."""

    code = "daemon_unreachable"
    exit_code = EXIT_UNREACHABLE


def all_errors(root: type[StyxyError] = StyxyError) -> Iterator[type[StyxyError]]:
    """Iterate over the tree from `root`, parents first."""
    yield root
    for child in root.__subclasses__():
        yield from all_errors(child)


def from_answer(body: Mapping[str, object]) -> StyxyError:
    """Rebuild the error from an error response of the API.

    A code unknown to this version becomes a plain `Refused` that keeps the code.
    """
    code = str(body.get("code", Refused.code))
    message = str(body.get("error", "the daemon gave no reason"))
    raw = body.get("context")
    context = {str(key): value for key, value in raw.items()} if isinstance(raw, dict) else {}
    for kind in all_errors():
        if kind.code == code:
            return kind(message, **context)
    unknown = Refused(message, **context)
    unknown.code = code
    return unknown
