"""What only the page needs: signing in, stopping a server, the end of its output."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from styxy.core.protocol.scalars import Pid, PortNumber

Stream = Literal["stdout", "stderr"]


class CodeAnswer(msgspec.Struct, kw_only=True):
    """The answer of POST /page/code: the address to open, with a code that works once.

    The code is in the fragment, which no browser sends to anybody.
    """

    url: str
    code: str
    expires_in: int


class SignInBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of POST /page/session."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class SignInAnswer(msgspec.Struct, kw_only=True):
    """The answer of POST /page/session, beside the cookie.

    Every request of the page shows `proof` in `X-Styxy-Page`.
    """

    success: bool
    proof: str


class SignOutAnswer(msgspec.Struct, kw_only=True):
    """The answer of DELETE /page/session."""

    success: bool
    message: str


class StopBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of POST /stop: the server on a port, if `pid` is one of its processes."""

    port: PortNumber
    pid: Pid


class StopAnswer(msgspec.Struct, kw_only=True):
    """The answer of POST /stop."""

    success: bool
    port: int
    message: str


class OutputQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of GET /output/{port}."""

    stream: Stream = "stdout"


class OutputAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /output/{port}: the end of a file of `size` bytes.

    What is no UTF-8 in it is U+FFFD. `is_cut`: there is more before it.
    """

    port: int
    pid: int
    stream: Stream
    path: str
    size: int
    is_cut: bool
    text: str
