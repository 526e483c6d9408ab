"""Keeps the files in place by which others find the daemon.

Logging out removes XDG_RUNTIME_DIR, a cleaner of /tmp removes the short paths, and users tidy up.
What can be restored is: `daemon.json`, the token (the current one, so that nobody who has it is
locked out) and the port map. A socket without a name, or a journal without its file, cannot be
restored: then everything is reopened.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.adapters.home import is_token, write_token
from styxy.core.errors import Unavailable
from styxy.server.net.sockets import read_daemon_file, write_daemon_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from styxy.adapters.journal.journal import Journal
    from styxy.adapters.paths import Paths
    from styxy.adapters.portmap.map import PortMap
    from styxy.server.net.sockets import Sockets
    from styxy.server.upkeep.recovery import Recovery

log = logging.getLogger(__name__)


class DiscoveryFile(Struct, frozen=True, kw_only=True):
    """One file, how to check that it is there, and how to write it; writing raises `OSError` or
    `Unavailable`. `hint` says what to do while it cannot be written.
    """

    name: str
    path: str
    is_there: Callable[[], bool]
    write: Callable[[], object]
    hint: str


class DiscoveryFiles:
    """Checks the files now and then.

    `missing` says why a file cannot be written now, `returned` how often one was restored;
    `is_lost`: clients can no longer find this daemon, or its successor the journal.
    """

    def __init__(
        self,
        marks: list[DiscoveryFile],
        *,
        home: str,
        sockets: Sockets,
        journal: Journal,
        recovery: Recovery,
    ) -> None:
        self._marks = marks
        self._home = home
        self._sockets = sockets
        self._journal = journal
        self._recovery = recovery
        self._was_found = True
        self.is_lost = False
        self.missing: dict[str, str] = {}
        self.returned: dict[str, int] = {}

    def tell(self) -> None:
        """Write the missing files as the daemon starts to answer."""
        for mark in self._marks:
            if not mark.is_there():
                self._write(mark)

    def look(self) -> None:
        """Restore missing files; if that is not possible now, the next check tries again."""
        was_found, self._was_found = self._was_found, self._is_found()
        self.is_lost = not (was_found or self._was_found)  # a deletion takes a while: check twice
        # If the whole home is gone, the user no longer wants it: do not recreate it.
        if self.is_lost or not os.path.isdir(self._home):
            return
        for mark in self._marks:
            if mark.is_there():
                self._settle(mark)
            elif self._write(mark):
                self.returned[mark.name] = self.returned.get(mark.name, 0) + 1
                log.warning("%s was missing or changed; restored it", mark.path)

    def _is_found(self) -> bool:
        return all(map(os.path.lexists, self._sockets.names)) and self._journal.is_in_place()

    def _write(self, mark: DiscoveryFile) -> bool:
        try:
            mark.write()
        except (OSError, Unavailable) as error:
            if mark.name not in self.missing:
                text = f"cannot write {mark.path} ({_reason(error)}); {mark.hint}"
                self.missing[mark.name] = text
                self._recovery.resolve(mark.name)
                self._recovery.add(mark.name, "warning", text)
            return False
        self._settle(mark)
        return True

    def _settle(self, mark: DiscoveryFile) -> None:
        if self.missing.pop(mark.name, None) is not None:
            self._recovery.resolve(mark.name)


def discovery_files_of(
    paths: Paths,
    *,
    facts: Mapping[str, object],
    token: str | None,
    port_map: PortMap,
    journal: Journal,
) -> list[DiscoveryFile]:
    """List the files that a daemon can restore. Without a token, none is written."""
    marks = [
        DiscoveryFile(
            name="daemon.json",
            path=paths.daemon_file,
            is_there=lambda: read_daemon_file(paths.daemon_file) == facts,
            write=lambda: write_daemon_file(paths.daemon_file, facts),
            hint=f"in the meantime, set STYXY_SOCKET={facts['socket']}",
        ),
        DiscoveryFile(
            name="journal's log",
            path=f"{paths.database}-wal",
            is_there=journal.has_log,
            write=journal.restore_log,
            hint="the newest leases are lost if the daemon is killed",
        ),
    ]
    if token is not None:
        marks.append(
            DiscoveryFile(
                name="token",
                path=paths.token_file,
                is_there=lambda: is_token(paths.token_file, token),
                write=lambda: write_token(paths.token_file, token),
                hint="only the Unix socket can be used",
            )
        )
    if port_map.is_shared:
        marks.append(
            DiscoveryFile(
                name="port map",
                path=paths.port_map(),
                is_there=lambda: port_map.is_in_place() and port_map.is_intact(),
                write=port_map.put_back,
                hint="binds are not moved",
            )
        )
    return marks


def _reason(error: OSError | Unavailable) -> str:
    return error.message if isinstance(error, Unavailable) else error.strerror or str(error)
