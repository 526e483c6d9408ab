"""Where Styxy's files are, and the network that a daemon and its clients share.

Paths only: nothing is read but `daemon.json`, nothing is created.

The command line loads this at every start, so it imports nothing heavy. Clients find a daemon by
`daemon.json` in the home and nowhere else; `STYXY_SOCKET` overrides it.
"""

from __future__ import annotations

import os

from styxy.core.errors import InvalidInput
from styxy.core.hashing import fnv1a64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SUN_PATH_LIMIT = 100
"""Bytes that a socket path may have: the 108 of `sun_path` (unix(7)) less our suffixes."""

HTTP_SOCKET = "styxy.sock"
LINE_SOCKET = "line.sock"
NOTE_SOCKET = "note.sock"
PORT_MAP = "ports.map"


class Paths:
    """All paths of one Styxy home. Raises `InvalidInput` if the home is unknown.

    Two daemons with different homes share no path. Relative paths are relative to the working
    directory.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self.home = os.path.abspath(env.get("STYXY_HOME") or _usual_home())
        socket = env.get("STYXY_SOCKET")
        self.socket_override = os.path.abspath(socket) if socket else None
        self._runtime_base = env.get("XDG_RUNTIME_DIR") or ""

    def in_home(self, *names: str) -> str:
        """Join `names` to the home."""
        return os.path.join(self.home, *names)

    @property
    def daemon_file(self) -> str:
        """The file in which a running daemon records where it is."""
        return self.in_home("daemon.json")

    @property
    def token_file(self) -> str:
        """The secret of the TCP port: 64 hex digits."""
        return self.in_home("auth.token")

    @property
    def database(self) -> str:
        """The journal's SQLite file."""
        return self.in_home("styxy.db")

    @property
    def config_file(self) -> str:
        """The user's settings, as JSON; it need not exist."""
        return self.in_home("config.json")

    @property
    def backups(self) -> str:
        """The directory of backups."""
        return self.in_home("backups")

    @property
    def daemon_log(self) -> str:
        """The daemon's log."""
        return self.in_home("logs", "daemon.log")

    @property
    def reassignment_log(self) -> str:
        """The log of moved binds, one line each."""
        return self.in_home("reassignments.log")

    def runtime_dir(self) -> str:
        """The private directory for sockets and the map, short enough for `sun_path`."""
        short = home_hash(self.home)
        if self._runtime_base and os.path.isdir(self._runtime_base):
            preferred = os.path.join(self._runtime_base, "styxy", short)
        else:
            preferred = self.in_home("run")
        if len(os.fsencode(os.path.join(preferred, HTTP_SOCKET))) <= SUN_PATH_LIMIT:
            return preferred
        return f"/tmp/styxy-{os.getuid()}/{short}"

    def socket(self) -> str:
        """The HTTP socket that a daemon of this home would open."""
        return self.socket_override or os.path.join(self.runtime_dir(), HTTP_SOCKET)

    def line_socket(self) -> str:
        """The bind socket, used by the native library, that a daemon of this home would open."""
        if self.socket_override:
            return self.socket_override + ".line"
        return os.path.join(self.runtime_dir(), LINE_SOCKET)

    def note_socket(self) -> str:
        """The notify socket, to which guests report without waiting."""
        if self.socket_override:
            return self.socket_override + ".note"
        return os.path.join(self.runtime_dir(), NOTE_SOCKET)

    def port_map(self) -> str:
        """The shared mapping that a daemon of this home would open."""
        if self.socket_override:
            return self.socket_override + ".map"
        return os.path.join(self.runtime_dir(), PORT_MAP)


def _usual_home() -> str:
    home = os.path.expanduser("~/.styxy")
    if home.startswith("~"):  # no HOME, and a user without a passwd entry, as in some containers
        raise InvalidInput("your home directory is unknown; set STYXY_HOME to a directory")
    return home


def network_namespace() -> int | None:
    """Return a number that names our network namespace, which has ports of its own; None without
    /proc (network_namespaces(7)).
    """
    try:
        return os.stat("/proc/self/ns/net").st_ino
    except OSError:
        return None  # ENOENT, EACCES: no /proc, or none that shows it


def home_hash(home: str) -> str:
    """Shorten a home to 12 hex digits that are the same in every process."""
    return f"{fnv1a64(os.fsencode(home)):016x}"[:12]
