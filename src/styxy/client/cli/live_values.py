"""The values that a shell offers while a command is typed: ports, leases, names, service types.

Asked by the completion scripts as `styxy _values KIND`, which no person types. It must be quick,
never starts a daemon, and says nothing of its failures: whoever presses Tab wants no sentence.
"""

from __future__ import annotations

from styxy.client.daemon.connection import Connection
from styxy.client.text.render import objects
from styxy.core.errors import EXIT_REFUSED, StyxyError
from styxy.core.names import INSTANCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from styxy.client.cli.command import Caller

PATIENCE = 0.3
"""Seconds for an answer: a person waits for the next letter."""


def show_values(words: Sequence[str], caller: Caller) -> int:
    """Print the values of a kind, one a line; print nothing if they cannot be found out."""
    try:
        find = KINDS[words[0]]
        found = find(Connection(caller.paths, answer_patience=PATIENCE))
        # bash expands what it is offered, so only what means itself is.
        values = sorted({str(each) for each in found if INSTANCE.fullmatch(str(each))})
    except (StyxyError, OSError, LookupError):
        return EXIT_REFUSED  # no daemon, a silent one, a kind of a newer script
    caller.say("\n".join(values))
    return 0


def _of_leases(field: str) -> Callable[[Connection], Iterable[object]]:
    def find(connection: Connection) -> Iterable[object]:
        leases = objects(connection.ask("GET", "/allocations").data.get("allocations"))
        return [lease.get(field) for lease in leases]

    return find


def _instances(connection: Connection) -> Iterable[object]:
    known = objects(connection.ask("GET", "/instance/list").data.get("instances"))
    return [instance.get("instance_id") for instance in known]


def _types(connection: Connection) -> Iterable[object]:
    kinds = connection.ask("GET", "/config").data.get("service_types")
    return list(kinds) if isinstance(kinds, dict) else []


KINDS: dict[str, Callable[[Connection], Iterable[object]]] = {
    "ports": _of_leases("port"),
    "leases": _of_leases("lock_id"),
    "names": _of_leases("service_name"),
    "instances": _instances,
    "types": _types,
}
