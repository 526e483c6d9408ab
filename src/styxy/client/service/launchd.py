"""launchd's manager of one user on macOS, asked with launchctl(1), and its property list of ours.

The list is written and read back with `plistlib`, by the keys of launchd.plist(5); it was never
loaded on a Mac. launchd starts a daemon that has ended again; it opens no sockets for it, waits for
no readiness and has no watchdog.
"""

from __future__ import annotations

import os
import plistlib
import re
import shutil
from typing import TYPE_CHECKING

from styxy.client.service.service_manager import Manager, State
from styxy.core.errors import Unavailable

if TYPE_CHECKING:
    from styxy.client.service.description import Description

LABEL = "styxy.daemon"


class Launchd(Manager):
    """The user's graphical session, as launchd has it."""

    name = "launchd"
    service = LABEL

    def files(self) -> tuple[str, ...]:
        """Name the property list."""
        home = self.env.get("HOME") or os.path.expanduser("~")
        return (os.path.join(home, "Library", "LaunchAgents", f"{LABEL}.plist"),)

    def texts(self, daemon: Description) -> dict[str, str]:
        """Write the property list (launchd.plist(5))."""
        content: dict[str, object] = {
            "Label": LABEL,
            "ProgramArguments": list(daemon.command),
            "EnvironmentVariables": dict(daemon.variables),
            "WorkingDirectory": daemon.home,
            "StandardOutPath": daemon.log,
            "StandardErrorPath": daemon.log,
            "RunAtLoad": True,
            "KeepAlive": True,
            "ThrottleInterval": 1,
            "ProcessType": "Background",
            "Umask": 0o077,
        }
        return {self.files()[0]: plistlib.dumps(content).decode()}

    def problem(self) -> str | None:
        """Say that there is none, or that nobody is logged in on the screen."""
        if shutil.which("launchctl", path=self.env.get("PATH")) is None:
            return "there is no launchctl"
        try:
            self._run("launchctl", "print", self._session)
        except Unavailable as failure:
            return failure.message
        return None

    def home_in(self, text: str) -> str | None:
        """Read the home from the property list."""
        try:
            content = plistlib.loads(text.encode())
        except (ValueError, plistlib.InvalidFileException):
            return None
        variables = content.get("EnvironmentVariables") if isinstance(content, dict) else None
        home = variables.get("STYXY_HOME") if isinstance(variables, dict) else None
        return home if isinstance(home, str) else None

    def is_ours(self, text: str) -> bool:
        """See whether the list names a home."""
        return self.home_in(text) is not None

    def state(self) -> State:
        """Ask how the service is; one that is not loaded is not running."""
        try:
            said = self._run("launchctl", "print", f"{self._session}/{LABEL}")
        except Unavailable:
            return State(is_running=False, words="not loaded")
        pid = re.search(r"^\s*pid = (\d+)$", said, re.MULTILINE)
        state = re.search(r"^\s*state = (.+)$", said, re.MULTILINE)
        return State(
            is_running=pid is not None,
            pid=int(pid[1]) if pid else None,
            words=state[1] if state else "loaded",
        )

    def start(self, *, patience: float = 60.0) -> None:
        """Load the property list, which runs the daemon."""
        self._run("launchctl", "bootstrap", self._session, self.files()[0], patience=patience)

    def stop(self) -> None:
        """Unload it until the next login."""
        self._run("launchctl", "bootout", f"{self._session}/{LABEL}", patience=20)

    def restart(self) -> None:
        """End the daemon, and have it started again."""
        self._run("launchctl", "kickstart", "-k", f"{self._session}/{LABEL}", patience=20)

    def enable(self) -> None:
        """Allow it at each login; the file alone has it loaded."""
        self._run("launchctl", "enable", f"{self._session}/{LABEL}")

    def disable(self) -> None:
        """Do nothing: without its file it is not loaded."""

    @property
    def _session(self) -> str:
        return f"gui/{os.getuid()}"
