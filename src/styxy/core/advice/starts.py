"""What is said before a command that starts a server on a port that somebody has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.advice.occupants import described, duration, printable

if TYPE_CHECKING:
    from styxy.core.advice.occupants import Occupant


def start_notice(occupant: Occupant, *, free_port: int | None, retry: str) -> str:
    """Say who has the port of a server that is about to start; nothing if the project may use it.

    `retry` is the command that starts the server on `free_port`.
    """
    if occupant.whose == "own":
        return _own(occupant) if occupant.is_listening else ""
    if occupant.is_listening:
        taken = f"Port {occupant.port} is in use by {described(occupant)}."
    else:
        taken = f"Port {occupant.port} is reserved for {_reservation(occupant)}."
    if free_port is not None and str(free_port) in retry:
        return f"{taken} Port {free_port} is free: {retry}"
    return f"{taken} To start it on a free port: {retry or 'styxy run -- COMMAND'}"


def _own(occupant: Occupant) -> str:
    age = f" for {duration(occupant.seconds)}" if occupant.seconds is not None else ""
    pid = f" (pid {occupant.pid})" if occupant.pid is not None else ""
    program = printable(occupant.program, 40) or "A server"
    return (
        f"{program}{pid} of this project has been running at {occupant.url}{age}; there is no need "
        f"to start it again. To end it first: styxy stop {occupant.port}"
    )


def _reservation(occupant: Occupant) -> str:
    return printable(occupant.project or occupant.session or "somebody else", 200)
