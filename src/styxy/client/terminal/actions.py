"""What the view changes: it stops a server and releases a lease, as the commands of that name do.

These block: run them in a thread. What may be stopped is decided twice, before the question and
after it, because anything may have happened in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.client.cli.values import quoted
from styxy.client.inspection.servers import ServerFinder
from styxy.client.inspection.stopping import Stopping
from styxy.client.text.render import plain
from styxy.core.errors import Conflict, NotYours

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.client.daemon.connection import Connection
    from styxy.client.inspection.servers import FoundServer
    from styxy.client.terminal.facts import PortFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class StopQuestion:
    """What would be stopped, as a question; `is_forced` if it is another project's or session's."""

    port: int
    text: str
    is_forced: bool
    identities: frozenset[tuple[int, int]]


class Actions:
    """Changes things for one caller, whose project is `project`."""

    def __init__(
        self, connection: Connection, env: Mapping[str, str], *, project: str | None
    ) -> None:
        self._connection = connection
        self._env = env
        self._project = project

    def ask_to_stop(self, port: int) -> StopQuestion:
        """Find what stopping a port would end. Raises what `styxy stop --force` refuses."""
        stopping = self._stopping()
        reason = ""
        try:
            servers = stopping.choose(port, is_forced=False)
        except NotYours as refusal:
            servers = stopping.choose(port, is_forced=True)
            reason = f"{refusal.message.partition(';')[0]}. "
        who = ", ".join(f"{each.name} (pid {_pid(each)})" for each in servers)
        return StopQuestion(
            port=port,
            text=f"{reason}Stop {who} on port {port}{' all the same' if reason else ''}?",
            is_forced=bool(reason),
            identities=_identities(servers),
        )

    def stop(self, question: StopQuestion) -> str:
        """End what was asked about, and say what has become of it.

        Raises what `styxy stop` raises, and `Conflict` if another server has taken its place.
        """
        stopping = self._stopping()
        servers = stopping.choose(question.port, is_forced=question.is_forced)
        if _identities(servers) != question.identities:
            raise Conflict(
                f"another server is on port {question.port} now; nothing was stopped",
                port=question.port,
            )
        return "; ".join(stopping.end(question.port, each).message for each in servers)

    def release(self, port: PortFacts) -> str:
        """End the lease of a port, whose ever it is, and say so."""
        path = f"/allocate/{quoted(port.lock_id)}?force=true"
        return plain(self._connection.ask("DELETE", path).data.get("message"))

    def _stopping(self) -> Stopping:
        finder = ServerFinder(self._connection, self._env, project=self._project)
        return Stopping(finder, self._env)


def _pid(server: FoundServer) -> int:
    assert server.main is not None  # `Stopping.choose` refuses what has no visible process
    return server.main.pid


def _identities(servers: list[FoundServer]) -> frozenset[tuple[int, int]]:
    return frozenset(
        (each.main.pid, each.main.started) for each in servers if each.main is not None
    )
