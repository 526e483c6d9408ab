"""What an operation is, and what its handler receives.

A handler decodes nothing and decides nothing: it receives checked values and returns a shape of
`core.protocol`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from styxy.core.errors import InvalidInput
from styxy.core.model.ports import Port, as_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import msgspec
    from starlette.types import ASGIApp

    from styxy.core.model.leases import Holder
    from styxy.server.net.browser_sessions import BrowserSession
    from styxy.server.reports.instruments import Instruments
    from styxy.server.service.service import Service

    Answer = msgspec.Struct | dict[str, object] | ASGIApp
    Handler = Callable[["Call"], Answer | Awaitable[Answer]]


class Call(Struct, frozen=True, kw_only=True):
    """What a handler needs: the service, and the checked parts of the request.

    `session` is the browser session that it came in, if it did. `is_stranger`: it came over TCP,
    from another user or from nobody that is known. `headers` are those that the protocol itself
    defines, in lower case. `is_known`: the request came with the token, in a session or over the
    Unix socket, so not from just anybody here. `peer_pid` is the process at the other end of the
    Unix socket, None over TCP. `raw` is the body as it came, for operations that decode it
    themselves.
    """

    service: Service
    instruments: Instruments
    headers: Mapping[str, str] = field(default_factory=dict)
    is_known: bool = False
    is_stranger: bool = False
    session: BrowserSession | None = None
    path: dict[str, str]
    query: Any = None
    body: Any = None
    peer_pid: int | None = None
    raw: bytes = b""


class Route(Struct, frozen=True, kw_only=True):
    """One operation.

    `headers` are the request headers that it uses, `media` the types of responses that are not
    JSON. `takes_any_body`: the handler decodes the body. `is_open`: it needs no token;
    `is_uncounted`: the rate limit does not apply. `example` is a path to request, query included,
    where the template alone is not enough, and `example_body` the body that goes with it.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answer: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    headers: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    takes_any_body: bool = False
    is_open: bool = False
    is_uncounted: bool = False
    errors: tuple[int, ...] = ()
    example: str | None = None
    example_body: Mapping[str, object] | None = None


def path_port(call: Call) -> Port:
    """Parse the port in a path. Raises `InvalidInput`."""
    text = call.path["port"]
    is_number = text.isascii() and text.isdigit() and len(text) <= 5
    return as_port(int(text) if is_number else text)


def living(call: Call, pid: int | None) -> Holder | None:
    """Identify the process that a caller named as the holder of a lease or an instance.

    Raises `InvalidInput` if it is not running, or cannot be a holder: the daemon itself, another
    user's process, or the first process of all, which never ends, unless that is the caller.
    """
    if pid is None:
        return None
    processes = call.service.context.processes
    holder = processes.holder(pid)
    if holder is None:
        raise InvalidInput(f"pid {pid} is not a running process; name one that is", pid=pid)
    if pid == os.getpid():
        whose = "is the daemon itself"
    elif pid == 1 and call.peer_pid != 1:
        whose = "is the first process of this machine, which never ends"
    elif processes.uid(pid) not in (os.geteuid(), None):
        whose = "belongs to another user"
    else:
        return holder
    raise InvalidInput(f"pid {pid} {whose}; name the process that will use the port", pid=pid)
