"""What a service manager has to know of the daemon of one home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.adapters.config_file import ConfigFile
from styxy.adapters.kernel import has_ipv6
from styxy.adapters.settings import Settings, load_overrides
from styxy.core.errors import InvalidInput
from styxy.core.messages import echo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.adapters.paths import Paths

VARIABLES = ("STYXY_DAEMON_HOST", "STYXY_DAEMON_PORT", "STYXY_SOCKET", "STYXY_LOG_LEVEL",
             "STYXY_SHOW_FULL_KEY", "STYXY_REASSIGNMENT_LOG", "XDG_RUNTIME_DIR")  # fmt: skip
"""What a daemon reads of its environment; the home is always named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The daemon of one home: what runs it, and where it listens.

    `tcp` are its addresses as systemd.socket(5) spells them; `streams` and `datagrams` are paths.
    """

    home: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    tcp: tuple[str, ...]
    streams: tuple[str, ...]
    datagrams: tuple[str, ...]
    log: str


def described(paths: Paths, env: Mapping[str, str], *, command: tuple[str, ...]) -> Description:
    """Describe the daemon that `command` would run for a home. Raises `InvalidInput` if no service
    manager could be told."""
    file = ConfigFile(paths.config_file, backups=paths.backups)
    good, _ = file.best(file.load())
    settings = Settings(configuration=load_overrides(env).over(good.configuration))
    named = {name: env[name] for name in VARIABLES if env.get(name)}
    if paths.socket_override:
        named["STYXY_SOCKET"] = paths.socket_override
    for text in (paths.home, *named.values(), *command):
        if "\n" in text or "\r" in text:
            raise InvalidInput(f"a service file cannot hold the line break in {echo(text)}")
    return Description(
        home=paths.home,
        command=command,
        variables={"STYXY_HOME": paths.home, **named},
        tcp=tuple(
            _spelled(host, settings.listen_port)
            for host in settings.hosts
            if ":" not in host or has_ipv6()  # one address that is not there fails the whole unit
        ),
        streams=(paths.socket(), paths.line_socket()),
        datagrams=(paths.note_socket(),),
        log=paths.daemon_log,
    )


def _spelled(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
