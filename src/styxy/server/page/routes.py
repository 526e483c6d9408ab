"""What the page asks for beside the rest of the API: a session, a stop, the end of an output."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from styxy.core.errors import Forbidden, NotFound, Unavailable
from styxy.core.model.ports import Port
from styxy.core.protocol import page as shapes
from styxy.server.http.routes.call import Call, Route, path_port
from styxy.server.net.browser_sessions import CODE_SECONDS
from styxy.server.net.responses import json_answer
from styxy.server.page.output import MOST, end_of_output

if TYPE_CHECKING:
    from starlette.responses import Response

    from styxy.core.reports.port_report import Usage

DESCRIPTORS: dict[shapes.Stream, int] = {"stdout": 1, "stderr": 2}


def new_code(call: Call) -> shapes.CodeAnswer:
    """Make a code with which a browser signs in, once."""
    sessions = call.instruments.sessions
    if call.session is not None:
        raise Forbidden("a browser cannot sign in another one; type: styxy open")
    if sessions.origin is None:
        raise Unavailable(
            "the daemon serves its Unix socket only, which no browser reaches; to see why: "
            "styxy daemon status",
            suggestions=["styxy daemon status"],
        )
    if not call.service.context.kernel.knows_owners:
        raise Unavailable(
            "the page needs Linux's netlink, which tells whose a connection is; try: styxy top",
            suggestions=["styxy top"],
        )
    code = sessions.new_code()
    url = f"{sessions.origin}/#code={code}"
    return shapes.CodeAnswer(url=url, code=code, expires_in=CODE_SECONDS)


def sign_in(call: Call) -> Response:
    """Begin a session of a browser."""
    body: shapes.SignInBody = call.body
    if call.is_stranger:
        raise Forbidden("this connection is another user's; as the daemon's user, type: styxy open")
    sessions = call.instruments.sessions
    session = sessions.sign_in(body.code)
    answer = shapes.SignInAnswer(success=True, proof=session.proof)
    return json_answer(answer, headers={"set-cookie": sessions.header(session)})


def sign_out(call: Call) -> Response:
    """End the session of a browser."""
    sessions = call.instruments.sessions
    if call.session is None:
        raise NotFound("this request comes in no session of a browser")
    sessions.sign_out(call.session)
    answer = shapes.SignOutAnswer(success=True, message="Signed out; to sign in again: styxy open")
    return json_answer(answer, headers={"set-cookie": sessions.removal()})


async def stop(call: Call) -> shapes.StopAnswer:
    """Stop a server of the daemon's user."""
    body: shapes.StopBody = call.body
    _own_usage(call, Port(body.port))
    if body.pid == call.service.context.pid:
        raise Forbidden("this is the daemon itself; to stop it: styxy daemon stop")
    message = await call.instruments.stopping.stop(body.port, body.pid)
    return shapes.StopAnswer(success=True, port=body.port, message=message)


def output(call: Call) -> shapes.OutputAnswer:
    """Show the end of what the server on a port has written."""
    asked: shapes.OutputQuery = call.query
    port = path_port(call)
    pid = _own_usage(call, port).pid
    if pid is None:
        raise NotFound(f"the process that listens on port {port} is not visible", port=port)
    end = end_of_output(
        pid, DESCRIPTORS[asked.stream], answers=call.service.context.projects.answers
    )
    return shapes.OutputAnswer(
        port=port,
        pid=pid,
        stream=asked.stream,
        path=end.path,
        size=end.size,
        is_cut=end.size > MOST,
        text=end.content.decode("utf-8", "replace"),
    )


def _own_usage(call: Call, port: Port) -> Usage:
    """Return what this user's server shows on a port. Raises `NotFound`, `Forbidden`."""
    usage = call.service.report(port).usage
    if usage is None:
        raise NotFound(f"nothing is listening on port {port}", port=port)
    if usage.uid != os.geteuid():
        raise Forbidden(f"the server on port {port} belongs to another user", port=port)
    return usage


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/page/code",
        handler=new_code,
        summary="Make a code with which a browser signs in, once",
        answer=shapes.CodeAnswer,
        errors=(403,),
    ),
    Route(
        method="POST",
        path="/page/session",
        handler=sign_in,
        summary="Begin a session of a browser, with a code",
        body=shapes.SignInBody,
        example_body={"code": "b1Zl0cO3tVQ8nYxEwR5uKpM2aS7dF9gH"},
        answer=shapes.SignInAnswer,
        is_open=True,
        errors=(403,),
    ),
    Route(
        method="DELETE",
        path="/page/session",
        handler=sign_out,
        summary="End the session of a browser",
        answer=shapes.SignOutAnswer,
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/stop",
        handler=stop,
        summary="Stop a server of the daemon's user, and all that belongs to it",
        body=shapes.StopBody,
        example_body={"port": 3000, "pid": 4711},
        answer=shapes.StopAnswer,
        errors=(403, 404, 409),
    ),
    Route(
        method="GET",
        path="/output/{port}",
        handler=output,
        summary="Show the end of what a server has written, if that is a file",
        query=shapes.OutputQuery,
        example="/output/3000?stream=stderr",
        answer=shapes.OutputAnswer,
        errors=(403, 404),
    ),
)
