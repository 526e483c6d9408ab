"""What `styxy agent` says to people."""

from __future__ import annotations

from styxy.client.text.layout import USUAL_COLUMNS, Screen, Table, paragraph
from styxy.client.text.render import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from styxy.client.agents.install.status import Place, Status

SAID = {
    "installed": "installed in",
    "updated": "updated in",
    "unchanged": "already installed in",
    "removed": "removed from",
    "absent": "nothing of Styxy's in",
}

PARAGRAPH = """\
## Ports

Styxy coordinates the ports of this machine; other projects and other agents' sessions use it, too.

- Start servers with `styxy run -- COMMAND`. If the port is taken, the server moves, and a line
  with ✓ says where; use that port.
- Never end a process by its port or name (`kill $(lsof -ti:3000)`, `fuser -k`, `pkill node`): it
  may be somebody else's. `styxy stop 3000` ends your own server and refuses any other;
  `styxy who 3000` says whose it is.
- For a port of your own, `styxy allocate -s dev` prints one that is free and stays yours.
  `styxy list` shows all leases, `styxy check 3000` one port.
- "Address already in use" is no reason to kill: ask `styxy who PORT`, then start your server with
  `styxy run -- COMMAND`.
"""
"""True without any hooks as well: an agent that reads it needs only the command line."""

BOOK = Screen(columns=USUAL_COLUMNS, is_terminal=False, has_colour=False)
"""What fits 80 columns fits everywhere."""


def outcome_lines(outcome: Mapping[str, object]) -> Iterator[str]:
    """Say what became of one agent's file."""
    agent = outcome["agent"]
    yield plain(f"{agent}: {SAID[str(outcome['action'])]} {outcome['file']}")
    if outcome["backup"] is not None:
        yield plain(f"  what was there before: {outcome['backup']}")
    notes = outcome["notes"]
    assert isinstance(notes, list | tuple)
    yield from (f"  {plain(str(note))}" for note in notes)


def statuses(found: Sequence[Status]) -> str:
    """Show all agents in a table, and below it what is wrong and what each cannot do."""
    table = Table(
        ("AGENT", "HERE", "HOOKS", "PROJECT", "TRUSTED"),
        [
            (
                each.agent,
                "yes" if each.found else "no",
                *(_state(place) for place in each.places),
                {True: "yes", False: "no", None: "-"}[each.trusted],
            )
            for each in found
        ],
    )
    lines = [table, *_problems(found), "", "what each cannot do:"]
    for each in found:
        lines += _listed(f"  {each.agent.ljust(9)} ", each.limits)
    return "\n".join(lines)


def _state(place: Place) -> str:
    state = "-" if place.state == "absent" else place.state
    return f"{state}, http" if place.uses_http else state


def _problems(found: Sequence[Status]) -> Iterator[str]:
    for each in found:
        for place in each.places:
            if place.problem is not None:
                yield plain(f"{each.agent}: {place.problem}")  # in one piece, to be copied
        if each.trusted is False:
            yield f"{each.agent}: the hooks are not trusted; try: styxy agent install codex --trust"


def _listed(label: str, sentences: Sequence[str]) -> Iterator[str]:
    indent = len(label)
    for number, sentence in enumerate(sentences):
        yield (" " * indent if number else label) + paragraph(sentence, BOOK, indent=indent)
