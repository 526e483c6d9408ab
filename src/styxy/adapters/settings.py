"""The settings of one daemon: built-in, then `config.json`, the environment, the command line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from styxy.core.config.configuration import Configuration
from styxy.core.config.environment import switch
from styxy.core.config.settings_table import BY_PATH
from styxy.core.config.validation import convert
from styxy.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.core.model.ports import Port

LONGEST_PORT = 5
"""Digits; int() refuses 4,300 and more in its own way."""

DEFAULTS = Configuration()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Hold what environment and command line say; it wins over any file.

    `values` are by key, and `origins` names for each the variable or option that it comes from.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    def over(self, configuration: Configuration) -> Configuration:
        """Put them over a configuration."""
        return replace(configuration, **self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Hold what a daemon is told as it starts; the configuration is overridden already.

    `has_port_variable`: STYXY_DAEMON_PORT is set, so that no file can change the port.
    """

    configuration: Configuration = DEFAULTS
    has_port_variable: bool = False
    requires_token: bool = True
    shows_full_key: bool = False

    def loggable(self, key: str) -> str:
        """Write a key for a log, which others may come to read: its ends tell it from another."""
        return key if self.shows_full_key else f"{key[:4]}***{key[-4:]}"

    @property
    def listen_port(self) -> Port:
        """The port of its TCP port."""
        return self.configuration.listen_port

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses of its TCP port."""
        host = self.configuration.listen_host
        return ("127.0.0.1", "::1") if host == "localhost" else (host,)

    @property
    def log_level(self) -> str:
        """How much it says."""
        return self.configuration.log_level


def load_settings(
    env: Mapping[str, str],
    *,
    port: int | None = None,
    insecure: bool = False,
    configuration: Configuration = DEFAULTS,
) -> Settings:
    """Put the settings together. Raises `InvalidInput`, which names the variable."""
    return Settings(
        configuration=load_overrides(env, port=port).over(configuration),
        has_port_variable=bool(env.get("STYXY_DAEMON_PORT")),
        requires_token=not _skips_token(env, insecure=insecure),
        shows_full_key=switch(env.get("STYXY_SHOW_FULL_KEY")) is True,
    )


def load_overrides(env: Mapping[str, str], *, port: int | None = None) -> Overrides:
    """Read what the environment says, and the option --port. Raises `InvalidInput`."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key, setting in BY_PATH.items():
        origin, said = setting.variable, _said(env, key, setting.variable)
        if key == "listen_port" and port is not None:
            origin, said = "--port", port
        if origin is None or said is None:
            continue
        try:
            values[key], origins[key] = convert(setting, said), origin
        except InvalidInput as error:
            step = "; correct or unset it" if origin == setting.variable else ""
            raise InvalidInput(f"{origin} {error.message}{step}") from None
    return Overrides(values=values, origins=origins)


def _said(env: Mapping[str, str], key: str, variable: str | None) -> object:
    """Read a variable as the data that a file would hold; None where it says nothing."""
    text = env.get(variable) if variable else None
    if text is None or key == "listen_host":
        return text
    if key == "log_level":
        return text.lower() or None
    is_number = text.isascii() and text.isdigit() and len(text) <= LONGEST_PORT
    return int(text) if is_number else text


def _skips_token(env: Mapping[str, str], *, insecure: bool) -> bool:
    wanted = switch(env.get("STYXY_SKIP_AUTH")) is True
    if wanted and not insecure:
        raise InvalidInput(
            "STYXY_SKIP_AUTH is for testing; start the daemon with --insecure-no-auth as well"
        )
    return wanted
