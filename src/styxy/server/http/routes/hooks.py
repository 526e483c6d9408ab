"""The hooks of coding agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from styxy.core.agents.answers import PROTOCOLS
from styxy.core.errors import InvalidInput
from styxy.core.messages import echo
from styxy.server.http.routes.call import Call, Route

if TYPE_CHECKING:
    from starlette.types import ASGIApp


async def hook(call: Call) -> ASGIApp:
    """Answer a hook with what it prints; nothing to say is an empty answer."""
    agent = call.path["agent"]
    if agent != "auto" and agent not in PROTOCOLS:
        raise InvalidInput(
            f"unknown agent {echo(agent)}; use auto or one of {', '.join(PROTOCOLS)}"
        )
    hooks = await call.instruments.hooks.hooks()
    answer = await hooks.answer(agent, call.path["event"], call.raw, peer=call.peer_pid)
    return Response(answer, media_type="application/json" if answer else None)


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/hooks/{agent}/{event}",
        handler=hook,
        summary="Answer a hook of a coding agent, whose payload is the body",
        takes_any_body=True,
        example="/hooks/claude/SessionStart",
        example_body={"session_id": "1a224700", "cwd": "/home/me/shop"},
    ),
)
