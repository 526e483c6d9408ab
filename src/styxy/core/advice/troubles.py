"""What is said after a server could not start: who has the port, and up to four ways on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.advice.occupants import described, duration, named

if TYPE_CHECKING:
    from styxy.core.advice.failures import Failure
    from styxy.core.advice.occupants import Occupant

FIRST_UNPRIVILEGED = 1024

_SANDBOX = {
    "codex": "in ~/.codex/config.toml: [sandbox_workspace_write] network_access = true",
    "claude": "in its settings: sandbox.network.allowLocalBinding = true",
    "gemini": "start gemini without --sandbox",
    "qwen": "start qwen without --sandbox",
}
"""The setting of each agent that lets its commands listen on ports."""


def failure_text(
    failure: Failure, *, port: int | None, occupant: Occupant | None, agent: str, retry: str
) -> str:
    """Explain a failure to start. `retry` is the command that starts the server elsewhere."""
    if failure.kind == "permission":
        is_low = port is not None and port < FIRST_UNPRIVILEGED and not failure.is_of_sandbox
        return _permission(port if is_low else None, agent=agent, retry=retry)
    if port is None:
        return _lines("A port is in use, and the output does not name it.", retry, "styxy list")
    if occupant is None:
        return _lines(
            f"Port {port} was in use a moment ago; nothing listens on it now. Try again, or:",
            retry,
        )
    if occupant.whose == "own":
        return _own(occupant, retry)
    have = described(occupant) if occupant.is_listening else f"{named(occupant)} (reserved)"
    return _lines(
        f"Port {port} is taken by {have}. It is not yours to end. Ways on:",
        f"see who it is: styxy who {port}",
        f"start on another port: {retry}" if retry else "let Styxy choose: styxy run -- COMMAND",
    )


def _own(occupant: Occupant, retry: str) -> str:
    age = f" for {duration(occupant.seconds)}" if occupant.seconds is not None else ""
    return _lines(
        f"Port {occupant.port} is taken by {named(occupant)}{age}. Ways on:",
        f"use it, if it is the server that you want: {occupant.url}",
        f"end it, then start again: styxy stop {occupant.port}",
        f"start a second one on another port: {retry}" if retry else "",
    )


def _permission(low_port: int | None, *, agent: str, retry: str) -> str:
    if low_port is not None:
        return _lines(
            f"Port {low_port} is not taken: ports below {FIRST_UNPRIVILEGED} need privileges. "
            "Take a higher one:",
            retry or "styxy allocate -s dev",
        )
    setting = _SANDBOX.get(agent)
    allowed = f" To allow it: {setting}" if setting else ""
    return (
        "No port is taken: the command has no permission to listen, as in a sandbox without "
        f"network access.{allowed}"
    )


def _lines(first: str, *ways: str) -> str:
    return "\n".join([first, *(f"- {way}" for way in ways if way)])
