"""How responses are written: JSON with the headers that every response has, and errors in one
shape.

No browser may guess a type or cache a response: what is on a port changes by the second.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from styxy.core.errors import Unauthorized
from styxy.core.messages import shortened
from styxy.core.protocol.decoding import ErrorAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.core.errors import StyxyError

ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

_ENCODER = msgspec.json.Encoder()


def encoded(answer: msgspec.Struct | dict[str, object]) -> bytes:
    """Encode a response as JSON bytes, on one line.

    A path or a command line may hold any bytes; those that are not UTF-8 are lone surrogates in our
    strings (os.fsdecode), which msgspec refuses and the standard library writes as `\\udcXX`.
    """
    try:
        return _ENCODER.encode(answer)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(answer), separators=(",", ":")).encode("ascii")


def json_answer(
    answer: msgspec.Struct | dict[str, object],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make a JSON response."""
    return Response(
        encoded(answer),
        status_code=status,
        headers={**ALWAYS, **(headers or {})},
        media_type="application/json",
    )


def text_answer(
    text: str | bytes, media_type: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Make a response that is not JSON; `media_type` as it is sent."""
    return Response(text, headers={**ALWAYS, **(headers or {}), "content-type": media_type})


def error_answer(error: StyxyError, *, headers: Mapping[str, str] | None = None) -> Response:
    """Make an error response in the shape that all errors have."""
    more = dict(headers or {})
    if isinstance(error, Unauthorized):
        more["www-authenticate"] = 'Bearer realm="styxy"'  # RFC 9110, 11.6.1: a 401 must name one
    return Response(
        error_body(error),
        status_code=error.status_hint,
        headers={**ALWAYS, **more},
        media_type="application/json",
    )


def error_body(error: StyxyError) -> bytes:
    """Encode an error as JSON bytes, in the shape that all errors have."""
    return encoded(
        ErrorAnswer(error=shortened(error.message), code=error.code, context=error.context)
    )
