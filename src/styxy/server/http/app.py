"""Builds an application from the table of routes: routing, decoding, errors, documentation."""

from __future__ import annotations

import functools
import inspect
import logging
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from styxy.core.errors import (
    WORLDS_ERRORS,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    StyxyError,
    Unavailable,
)
from styxy.core.messages import echo, nearest
from styxy.core.protocol.decoding import read_body, read_query
from styxy.server.http.request_metrics import ROUTE
from styxy.server.http.routes import (
    audit,
    config,
    daemon,
    hooks,
    instances,
    leases,
    metrics,
    observations,
    ports,
    programs,
    ranges,
    reassignments,
)
from styxy.server.http.routes.call import Call, Route
from styxy.server.net.auth import KNOWN, PEER, SESSION, STRANGER
from styxy.server.net.responses import error_answer, json_answer, text_answer
from styxy.server.page import files
from styxy.server.page import routes as page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from styxy.server.reports.instruments import Instruments
    from styxy.server.service.service import Service

log = logging.getLogger(__name__)


def openapi(call: Call) -> dict[str, object]:
    """Return this API's OpenAPI 3.1 description."""
    call.instruments.installation.load("styxy.server.http.openapi")
    return _document()


def docs(call: Call) -> Response:
    """Return this API's documentation as a web page."""
    call.instruments.installation.load("styxy.server.http.openapi", "styxy.server.http.docs_page")
    page, policy = _page()
    return text_answer(
        page, "text/html; charset=utf-8", headers={"content-security-policy": policy}
    )


# Both documents are as constant as the table and take 10 and 30 ms to make, so each is made once,
# when first requested.
@functools.cache
def _document() -> dict[str, object]:
    from styxy.server.http.openapi import document

    return document(ROUTES)


@functools.cache
def _page() -> tuple[bytes, str]:
    from styxy.server.http.docs_page import CONTENT_SECURITY_POLICY, render

    return render(_document()).encode(), CONTENT_SECURITY_POLICY


ROUTES: tuple[Route, ...] = (
    *daemon.ROUTES,
    *leases.ROUTES,
    *ports.ROUTES,
    *observations.ROUTES,
    *instances.ROUTES,
    *hooks.ROUTES,
    *config.ROUTES,
    *ranges.ROUTES,
    *reassignments.ROUTES,
    *programs.ROUTES,
    *audit.ROUTES,
    *metrics.ROUTES,
    *page.ROUTES,
    Route(
        method="GET",
        path="/openapi.json",
        handler=openapi,
        summary="Get this API's OpenAPI 3.1 description",
    ),
    Route(
        method="GET",
        path="/docs",
        handler=docs,
        summary="Read this API's documentation as a web page",
        media=("text/html",),
    ),
)

MOST_PARAMETERS = 64
"""Parameters of a query; no operation has as many, and a stranger may send thousands."""

OPEN_OPERATIONS = frozenset(
    (route.method, route.path) for route in ROUTES if route.is_open
) | frozenset(("GET", path) for path in files.FILES)
UNCOUNTED_PATHS = frozenset(route.path for route in ROUTES if route.is_uncounted)


class HttpApi:
    """Serves the table of routes."""

    def __init__(self, service: Service, instruments: Instruments) -> None:
        self._service = service
        self._instruments = instruments

    def app(self) -> Starlette:
        """Make the application, without authentication."""
        by_path: dict[str, list[Route]] = {}
        for route in sorted(ROUTES, key=_specificity):
            by_path.setdefault(route.path, []).append(route)
        routes = [
            StarletteRoute(path, self._endpoint(group), methods=[each.method for each in group])
            for path, group in by_path.items()
        ]
        routes += [StarletteRoute(path, self._file, methods=["GET"]) for path in files.FILES]
        handlers: dict[Any, Any] = {HTTPException: self._on_http_exception, 500: self._on_fault}
        app = Starlette(routes=routes, exception_handlers=handlers)
        app.router.redirect_slashes = (
            False  # no redirect from a nearly right path: it is answered with an error in JSON
        )
        return app

    def refuse(self, error: StyxyError, headers: dict[str, str] | None = None) -> Response:
        """Write an error response, and count it."""
        counts = self._service.context.counts
        counts.refusals.add(error.code)
        if isinstance(error, RateLimited):
            counts.rate_limited.add()
        return error_answer(error, headers=headers)

    def _endpoint(self, group: Sequence[Route]) -> Callable[[Request], Awaitable[ASGIApp]]:
        by_method = {route.method: route for route in group}

        async def endpoint(request: Request) -> ASGIApp:
            route = by_method["GET" if request.method == "HEAD" else request.method]
            request.scope[ROUTE] = route.path
            if request.scope["path"].endswith("\n"):  # Starlette's `$` matches before a newline
                return self.refuse(_unknown_path(request))
            try:
                call = await self._call(request, route)
                with self._service.committer.asked_by(_user_of(request)):
                    answer = route.handler(call)
                if inspect.isawaitable(answer):
                    answer = await answer
            except StyxyError as error:
                return self.refuse(error)
            except ClientDisconnect:
                return Response(status_code=400)  # nobody will read it
            except WORLDS_ERRORS as error:
                log.exception("cannot answer %s %s", request.method, route.path)
                return self.refuse(_unanswered(error))
            return json_answer(answer) if isinstance(answer, dict | msgspec.Struct) else answer

        return endpoint

    async def _file(self, request: Request) -> Response:
        """Answer with a file of the page."""
        path = request.scope["path"]
        request.scope[ROUTE] = files.name_of(path)
        return files.answer(path)

    async def _call(self, request: Request, route: Route) -> Call:
        return Call(
            service=self._service,
            instruments=self._instruments,
            headers=request.headers,
            is_known=request.scope.get(KNOWN, False),
            is_stranger=STRANGER in request.scope.get("state", {}),
            session=request.scope.get(SESSION),
            path=request.path_params,
            query=_checked_query(request, route),
            body=read_body(await request.body(), route.body) if route.body else None,
            peer_pid=_peer_pid(request),
            raw=await request.body() if route.takes_any_body else b"",
        )

    async def _on_fault(self, _request: Request, error: Exception) -> Response:
        return self.refuse(_unanswered(error))  # the log has it already

    async def _on_http_exception(self, request: Request, error: HTTPException) -> Response:
        path = echo(request.scope["path"])
        if error.status_code == MethodNotAllowed.status_hint:
            allowed = ", ".join(sorted((error.headers or {})["Allow"].split(", ")))
            refusal = MethodNotAllowed(f"{path} takes {allowed}, not {request.method}")
            return self.refuse(refusal, {"allow": allowed})
        return self.refuse(_unknown_path(request))


def _unanswered(error: Exception) -> Unavailable:
    return Unavailable(
        f"the daemon could not answer ({type(error).__name__}); its log says why",
        suggestions=["styxy daemon logs"],
    )


def _user_of(request: Request) -> int | None:
    """Return who asks: the peer of the Unix socket, else the user who may read the token."""
    peer = request.scope.get("state", {}).get(PEER)
    if peer is not None:
        return int(peer.uid)
    return os.geteuid() if request.scope.get(KNOWN, False) else None


def _peer_pid(request: Request) -> int | None:
    peer = request.scope.get("state", {}).get(PEER)
    return int(peer.pid) if peer is not None else None


def _unknown_path(request: Request) -> NotFound:
    path = request.scope["path"]
    near = nearest(path, [route.path for route in ROUTES])
    hint = f"did you mean {near!r}?" if near is not None else "see: /openapi.json"
    return NotFound(f"unknown path {echo(path)}; {hint}", suggestions=["GET /openapi.json"])


def _specificity(route: Route) -> list[bool]:
    # /observe/all must come before /observe/{port}, whatever the order of the table.
    return [part.startswith("{") for part in route.path.split("/")]


def _checked_query(request: Request, route: Route) -> msgspec.Struct | None:
    values = _query(request) if request.scope["query_string"] else {}
    if route.query is not None:
        return read_query(values, route.query)
    for name in values:  # POST /allocate?dry_run=true must not lease a port
        fix = f"send {echo(name)} in the body" if route.body else f"leave out {echo(name)}"
        raise InvalidInput(f"{route.method} {route.path} takes no query; {fix}", field=name)
    return None


def _query(request: Request) -> dict[str, str]:
    # Not Starlette's own parsing, which loses the bytes of a path that are not UTF-8.
    text = request.scope["query_string"].decode("latin-1")
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MOST_PARAMETERS
        )
    except ValueError:
        raise InvalidInput(f"the query has more than {MOST_PARAMETERS} parameters") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise InvalidInput(f"the query has {echo(name)} more than once; send it once")
        values[name] = value
    return values
