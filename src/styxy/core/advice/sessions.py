"""What an agent is told when its session starts: at most six lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.advice.occupants import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from styxy.core.advice.occupants import Occupant

MOST_NAMED = 4
"""Ports that one line names; the rest is counted."""


def session_text(
    *,
    is_intercepted: bool,
    own: Sequence[Occupant],
    usual: Sequence[Occupant],
    left: Sequence[Occupant],
) -> str:
    """Introduce Styxy to a session.

    `own` is what this project holds, `usual` who has the ports that tools use by default, and
    `left` the servers of this project whose session has ended.
    """
    lines = [
        "Styxy coordinates the ports of this machine among projects and agents.",
        "Start servers as usual: one whose port is taken gets another, named in its ✓ line."
        if is_intercepted
        else "Start servers with: styxy run -- COMMAND (one whose port is taken gets another).",
        "Never kill by port, name or pid; end your own server with: styxy stop PORT",
    ]
    if own:
        lines.append(f"This project has {_listed([_own(each) for each in own])}.")
    if usual:
        lines.append(
            f"Others have {_listed([f'port {each.port}: {named(each)}' for each in usual])}."
        )
    if left:
        lines.append(
            "Still running from sessions that ended: "
            f"{_listed([f'{each.program} on port {each.port}' for each in left])}. "
            "To end them: styxy prune"
        )
    return "\n".join(lines)


def _own(occupant: Occupant) -> str:
    if not occupant.is_listening:
        return f"port {occupant.port} reserved"
    return f"{occupant.program or 'a server'} at {occupant.url}"


def _listed(parts: Sequence[str]) -> str:
    shown = list(parts[:MOST_NAMED])
    if len(parts) > MOST_NAMED:
        shown.append(f"{len(parts) - MOST_NAMED} more")
    return "; ".join(shown)
