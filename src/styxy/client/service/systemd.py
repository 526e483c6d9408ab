"""systemd's manager of one user, asked with systemctl(1), and the two units that it reads of ours.

`styxy.socket` opens the sockets, so that they outlive the daemon; `styxy.service` runs it.
"""

from __future__ import annotations

import os
import shlex
import shutil
from functools import cached_property
from typing import TYPE_CHECKING

from styxy.client.service.service_manager import Manager, State
from styxy.client.service.unit_text import MARK, home_of, service_unit, socket_unit
from styxy.core.errors import Unavailable

if TYPE_CHECKING:
    from styxy.client.service.description import Description

SERVICE, SOCKET = "styxy.service", "styxy.socket"

WANTED = "default.target.wants"
"""The directory with links to what is started at login."""

FOR_ALL = "/etc/systemd/user"
"""Where root enables units for every user (`systemctl --global enable`)."""

_HOME = "STYXY_HOME="

RUNNING = ("active", "activating", "reloading")
"""States in which the service has a daemon, or is about to have one: one that cannot start is
`activating` without a process, again and again (systemctl(1))."""

STOP_SECONDS = 40.0
"""For a stop: the unit's TimeoutStopSec= twice, and some more."""


class Systemd(Manager):
    """The user's instance of systemd."""

    name = "systemd"
    service = SERVICE

    def files(self) -> tuple[str, ...]:
        """Name the service, then its sockets (systemd.unit(5), the search path of a user)."""
        return os.path.join(self._directory, SERVICE), os.path.join(self._directory, SOCKET)

    def texts(self, daemon: Description) -> dict[str, str]:
        """Write both units."""
        service, sockets = self.files()
        return {service: service_unit(daemon), sockets: socket_unit(daemon)}

    def directories(self) -> tuple[str, ...]:
        """Name what systemctl makes for enabled units, the units' own directory, its parent."""
        wanted = (WANTED, "sockets.target.wants")
        inside = (os.path.join(self._directory, each) for each in wanted)
        return (*inside, self._directory, os.path.dirname(self._directory))

    def problem(self) -> str | None:
        """Say why it cannot be reached; systemctl(1) says it best."""
        if shutil.which("systemctl", path=self.env.get("PATH")) is None:
            return "there is no systemctl"
        try:
            said = self._ask("show", "--property=Version,UnitPath")
        except Unavailable as failure:
            return failure.message
        if _is_read(self._directory, said) is False:
            asking = "systemctl --user show --property=UnitPath"
            return f"systemd does not read units in {self._directory}; see: {asking}"
        return None

    def home_in(self, text: str) -> str | None:
        """Read the service's home."""
        return home_of(text)

    def is_ours(self, text: str) -> bool:
        """See who wrote a unit."""
        return text.startswith(MARK)

    def packaged(self) -> str | None:
        """Ask which unit is read; ours stands before one in /usr/lib (systemd.unit(5))."""
        facts = {} if self.is_installed() else self._facts("FragmentPath")
        return facts.get("FragmentPath") or None

    def packaged_home(self) -> str | None:
        """Ask for the unit's variables: a drop-in file of the user may name a home."""
        if self.is_installed():
            return None
        facts = self._facts("FragmentPath,Environment")
        if not facts.get("FragmentPath"):
            return None
        named = [each for each in _words(facts.get("Environment", "")) if each.startswith(_HOME)]
        return named[-1].removeprefix(_HOME) if named else os.path.join(self._user_home, ".styxy")

    def is_enabled(self) -> bool:
        """Look for the link, of this user or of root for all users (systemctl(1), enable)."""
        links = (os.path.join(each, WANTED, SERVICE) for each in (self._directory, FOR_ALL))
        return any(map(os.path.lexists, links))

    def set_aside(self) -> None:
        """Stop it, and remove its links: they may lead to the package's file, past ours."""
        self._ask("stop", SERVICE, patience=STOP_SECONDS, may_fail=True)
        self._ask("disable", SERVICE, may_fail=True)

    def state(self) -> State:
        """Ask how the service is."""
        facts = self._facts("ActiveState,SubState,MainPID", may_fail=False)
        pid = facts.get("MainPID", "0")
        active = facts.get("ActiveState", "unknown")
        has_daemon = pid.isdigit() and int(pid) > 0
        return State(
            is_running=active in RUNNING and has_daemon,
            is_pending=active in RUNNING and not has_daemon,
            pid=int(pid) if has_daemon else None,
            words=f"{active} ({facts.get('SubState', 'unknown')})",
        )

    def start(self, *, patience: float = 60.0) -> None:
        """Start it, which opens the sockets first, however often it failed before."""
        self._ask("reset-failed", SERVICE, SOCKET, may_fail=True)
        self._ask("start", SERVICE, patience=patience)

    def stop(self) -> None:
        """Stop both: a socket alone would start the service again for the next client."""
        units = (SOCKET, SERVICE) if self.is_installed() else (SERVICE,)
        self._ask("stop", *units, patience=STOP_SECONDS)

    def restart(self) -> None:
        """Restart the daemon and leave the sockets."""
        self._ask("restart", SERVICE, patience=STOP_SECONDS + 60)

    def enable(self) -> None:
        """Have it started at each login, from the files as they are now."""
        self._ask("daemon-reload")
        self._ask("enable", SERVICE)

    def disable(self) -> None:
        """Remove systemctl's links."""
        self._ask("disable", SERVICE, SOCKET)

    def remove(self) -> list[str]:
        """Remove the units, and have them forgotten."""
        removed = super().remove()
        self._ask("daemon-reload", may_fail=True)
        self._ask("reset-failed", SERVICE, SOCKET, may_fail=True)
        return removed

    @property
    def _user_home(self) -> str:
        return self.env.get("HOME") or os.path.expanduser("~")

    @cached_property
    def _directory(self) -> str:
        # The manager started before the shell, which may have an XDG_CONFIG_HOME of its own.
        usual = os.path.join(self._user_home, ".config", "systemd", "user")
        base = self.env.get("XDG_CONFIG_HOME")
        if not base or not os.path.isabs(base):  # to be ignored (XDG Base Directory Specification)
            return usual
        own = os.path.join(base, "systemd", "user")
        said = "" if own == usual else self._ask("show", "--property=UnitPath", may_fail=True)
        return usual if _is_read(own, said) is False else own

    def _facts(self, properties: str, *, may_fail: bool = True) -> dict[str, str]:
        said = self._ask("show", f"--property={properties}", SERVICE, may_fail=may_fail)
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def _ask(self, *words: str, patience: float = 5.0, may_fail: bool = False) -> str:
        try:
            return self._run("systemctl", "--user", *words, patience=patience)
        except Unavailable:
            if may_fail:
                return ""
            raise


def _is_read(directory: str, properties: str) -> bool | None:
    """Return whether a directory is in `UnitPath`; None if systemd does not tell."""
    for line in properties.splitlines():
        name, _, value = line.partition("=")
        if name == "UnitPath" and value:
            return os.path.realpath(directory) in {os.path.realpath(each) for each in _words(value)}
    return None


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()  # a quotation mark that nobody quoted
