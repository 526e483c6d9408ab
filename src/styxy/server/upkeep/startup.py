"""Opens what an earlier daemon left: its journal, its port map, its token, its traces.

Whatever is wrong with a file, the daemon starts if it can be of any use, and the recovery records
what was found.
"""

from __future__ import annotations

import os
import resource
import secrets
from functools import partial
from typing import TYPE_CHECKING

from styxy.adapters.home import TOKEN_BYTES, is_token, load_token
from styxy.adapters.journal.backups import Backups
from styxy.adapters.journal.database import HomeTaken
from styxy.adapters.journal.recovery import Opened, open_journal
from styxy.adapters.kernel import netns_cookie
from styxy.adapters.log_files import is_writable
from styxy.adapters.portable.choice import is_portable, why
from styxy.adapters.portmap.file import Remains, remains_of, retire_left_over
from styxy.adapters.portmap.map import PortMap
from styxy.core.commands.connect_first import CONNECT_FIRST
from styxy.core.decisions.desk import Desk
from styxy.core.errors import Conflict, Unavailable
from styxy.core.hashing import fnv1a64
from styxy.core.model.service_types import Catalogue
from styxy.server.net.sockets import read_daemon_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from styxy.adapters.paths import Paths
    from styxy.core.books.events import Event
    from styxy.server.upkeep.recovery import Recovery, Verdict
    from styxy.server.world.live_config import LiveConfig

MOST_DESCRIPTORS = 1 << 17
"""One for each watched holder and each connection: twice the number of ports."""


def raise_descriptor_limit() -> None:
    """Allow as many descriptors as the system permits (getrlimit(2)); the default is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_books(
    paths: Paths, backups: Backups, recovery: Recovery, *, known: Remains, now: float
) -> Opened[Desk]:
    """Open the journal and fold it into a desk. Raises `Conflict` if a daemon is already running.

    `known` is what is already known about the journal, apart from what the last port map reveals.
    """
    predecessor = read_daemon_file(paths.daemon_file) or {}
    home = home_key(paths)
    candidates = {paths.port_map(), str(predecessor.get("map", ""))}
    found = (remains_of(path, home=home) for path in candidates)
    remains = max((known, *found), key=lambda each: each.last_seq)
    try:
        opened = open_journal(
            paths.database, backups, read=_folded, seen_seq=remains.last_seq, now=now
        )
    except HomeTaken:
        if not predecessor:
            raise
        raise Conflict(
            f"a styxy daemon is already running: pid {predecessor['pid']}, "
            f"port {predecessor['port']}; stop it first: styxy daemon stop"
        ) from None
    _retire(predecessor, paths)
    recovery.add_database(opened, remains)
    return opened


def open_map(paths: Paths, recovery: Recovery) -> PortMap:
    """Open the port map; a private one, which no guest reads, where its file cannot be made."""
    make = partial(
        PortMap,
        line_socket=paths.line_socket(),
        note_socket=paths.note_socket(),
        netns=netns_cookie(),
        home=home_key(paths),
        connect_first=CONNECT_FIRST,
    )
    if is_portable():
        recovery.add("port map", "ok", f"{why()}; ports are leased, but binds are not moved")
        return make(None)
    try:
        return make(paths.port_map())
    except (OSError, Unavailable) as error:
        recovery.add("port map", "warning", f"{error}; ports are leased, but binds are not moved")
        return make(None)


def open_token(paths: Paths, recovery: Recovery, *, is_new_home: bool) -> str:
    """Read the token, or create one, with a warning if there should have been one."""
    path = paths.token_file
    was_there, was_sound = os.path.lexists(path), is_token(path)
    try:
        token = load_token(path)
    except (OSError, Unavailable) as error:
        recovery.add("token", "warning", f"{path}: {error}; only the Unix socket can be used")
        return secrets.token_hex(TOKEN_BYTES)
    if was_there and not was_sound:
        recovery.add("token", "warning", f"{path} was damaged; it has a new token")
    elif not was_there and not is_new_home:
        recovery.add("token", "warning", f"{path} was missing; it has a new token")
    return token


def open_configuration(live_config: LiveConfig, desk: Desk, recovery: Recovery) -> None:
    """Put the user's settings in force, and report what is wrong with the file."""
    gone = live_config.claim()
    desk.configure(live_config.configuration)
    verdict: Verdict = "warning" if gone or live_config.problems else "ok"
    recovery.add("configuration", verdict, gone or live_config.summary)
    live_config.subscribe(lambda _in_force: recovery.resolve("configuration"))


def check_logs(paths: Paths, recovery: Recovery) -> None:
    """Report logs that cannot be written; nothing else depends on them."""
    for path in (paths.daemon_log, paths.reassignment_log):
        if os.path.lexists(path) and not is_writable(path):
            recovery.add(
                "logs", "warning", f"cannot write {path}; move it away, then: styxy daemon restart"
            )


def home_key(paths: Paths) -> int:
    """Return the home's key in the port map."""
    return fnv1a64(os.fsencode(paths.home))


def _folded(events: Iterator[Event]) -> Desk:
    desk = Desk(Catalogue())
    for event in events:
        desk.apply(event)
    return desk


def _retire(predecessor: dict[str, object], paths: Paths) -> None:
    # The lock on the journal proves that it is dead. If its map is not ours to write to, guests
    # started back then would keep asking a socket that nobody answers.
    path, pid = predecessor.get("map"), predecessor.get("pid")
    if isinstance(path, str) and isinstance(pid, int) and path != paths.port_map():
        retire_left_over(path, pid=pid)
