"""Every way in which Styxy says no, as one tree.

    StyxyError
    ├── Refused                 the rules said no; nothing has changed
    │   ├── InvalidInput        400  a value that cannot be meant
    │   ├── Unauthorized        401  no credential, or a wrong one
    │   ├── Forbidden           403  this caller may not, whatever the credential
    │   ├── NotFound            404  no such lease, type, page
    │   │   ├── UnknownLease    404
    │   │   ├── UnknownServiceType  404
    │   │   └── UnknownInstance  404
    │   ├── MethodNotAllowed    405
    │   ├── Conflict            409  the state of the books forbids it
    │   │   ├── RangeExhausted  409
    │   │   ├── NoRoom          409  no new range fits
    │   │   └── ConfirmationRequired  409
    │   ├── BodyTooLarge        413
    │   └── RateLimited         429
    └── Unavailable             503  the world failed; nothing was promised
        ├── JournalFailed       503  the disk did not take it
        └── DaemonUnreachable   503  nobody answers (raised by clients alone)

What crosses the wire is `code`, never the class name and never the text: nobody matches on
messages. This module imports nothing, because the command line loads it at every start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3


class StyxyError(Exception):
    """Carry one sentence for a person and one stable word for a program.

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
    """Say that the rules forbid it; the books are unchanged."""

    code = "refused"
    status_hint = 409


class InvalidInput(Refused):
    """Name a value that cannot be meant, and what would be."""

    code = "invalid_input"
    status_hint = 400
    exit_code = EXIT_USAGE


class Unauthorized(Refused):
    """Ask for a credential."""

    code = "unauthorized"
    status_hint = 401


class Forbidden(Refused):
    """Turn away a caller that no credential would help."""

    code = "forbidden"
    status_hint = 403


class NotFound(Refused):
    """Name a thing that does not exist."""

    code = "not_found"
    status_hint = 404


class UnknownLease(NotFound):
    """Name a lease that never was, or that has ended."""

    code = "unknown_lease"


class UnknownServiceType(NotFound):
    """Name a service type that no table has."""

    code = "unknown_service_type"


class UnknownInstance(NotFound):
    """Name an instance that never registered, or that is gone."""

    code = "unknown_instance"


class MethodNotAllowed(Refused):
    """Name the methods that a path does have."""

    code = "method_not_allowed"
    status_hint = 405


class Conflict(Refused):
    """Say which state of the books forbids it."""

    code = "conflict"


class RangeExhausted(Conflict):
    """Say that every port of a range is leased or in use."""

    code = "range_exhausted"


class NoRoom(Conflict):
    """Say that no new range fits between the limits."""

    code = "no_room"


class ConfirmationRequired(Conflict):
    """Show the range that would be made, and the token that confirms it."""

    code = "confirmation_required"


class BodyTooLarge(Refused):
    """Refuse a request body over the limit, in bytes."""

    code = "body_too_large"
    status_hint = 413


class RateLimited(Refused):
    """Ask a client to come back later."""

    code = "rate_limited"
    status_hint = 429


class Unavailable(StyxyError):
    """Say that the world failed; nothing was promised, and asking again may help."""

    code = "unavailable"
    status_hint = 503


class JournalFailed(Unavailable):
    """Say that an event could not be written down, so nothing was promised."""

    code = "journal_failed"


class DaemonUnreachable(Unavailable):
    """Say that no daemon answers, and how to start one."""

    code = "daemon_unreachable"
    exit_code = EXIT_UNREACHABLE


def all_errors(root: type[StyxyError] = StyxyError) -> Iterator[type[StyxyError]]:
    """Walk the tree from `root`, parents first."""
    yield root
    for child in root.__subclasses__():
        yield from all_errors(child)


def from_answer(body: Mapping[str, object]) -> StyxyError:
    """Rebuild the error that an answer of the API describes.

    A code that this version does not know becomes a plain `Refused`, with that code kept.
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
