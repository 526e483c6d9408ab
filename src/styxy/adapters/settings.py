"""The settings of one daemon: built-in, then `config.json`, the environment, the command line."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from styxy.adapters.fd_limits import is_want, refusal
from styxy.core.config.configuration import Configuration
from styxy.core.config.settings_table import BY_PATH
from styxy.core.errors import InvalidInput, Unavailable
from styxy.core.model.ports import FIRST_UNPRIVILEGED, Port, as_port

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
TOKEN_BYTES = 32
LONGEST_PORT = 5
"""Digits; int() refuses 4,300 and more in its own way."""

_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""A FIFO in the place of the token must hold nobody up (fifo(7))."""

DEFAULTS = Configuration()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Hold what environment and command line say; it wins over any file.

    `origins` names for each key the variable or option that it comes from.
    """

    listen_port: Port | None = None
    listen_host: str | None = None
    log_level: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict)

    def over(self, configuration: Configuration) -> Configuration:
        """Put them over a configuration."""
        return replace(
            configuration,
            listen_port=self.listen_port or configuration.listen_port,
            listen_host=self.listen_host or configuration.listen_host,
            log_level=self.log_level or configuration.log_level,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Hold what a daemon is told as it starts; the configuration is overridden already."""

    configuration: Configuration = DEFAULTS
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
        requires_token=not _skips_token(env, insecure=insecure),
        shows_full_key=env.get("STYXY_SHOW_FULL_KEY") == "1",
    )


def load_overrides(env: Mapping[str, str], *, port: int | None = None) -> Overrides:
    """Read what the environment says, and the option --port. Raises `InvalidInput`."""
    listen_port = _listen_port(env.get("STYXY_DAEMON_PORT"), port)
    listen_host = _listen_host(env.get("STYXY_DAEMON_HOST"))
    log_level = _log_level(env.get("STYXY_LOG_LEVEL"))
    origins = {
        "listen_port": "STYXY_DAEMON_PORT" if port is None else "--port",
        "listen_host": "STYXY_DAEMON_HOST",
        "log_level": "STYXY_LOG_LEVEL",
    }
    said = {"listen_port": listen_port, "listen_host": listen_host, "log_level": log_level}
    return Overrides(
        listen_port=listen_port,
        listen_host=listen_host,
        log_level=log_level,
        origins={key: origin for key, origin in origins.items() if said[key] is not None},
    )


def _listen_port(text: str | None, option: int | None) -> Port | None:
    if option is not None:
        return as_port(option, lowest=FIRST_UNPRIVILEGED, name="--port")
    if text is None:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= LONGEST_PORT
    value = int(text) if is_number else text[:20]
    return as_port(value, lowest=FIRST_UNPRIVILEGED, name="STYXY_DAEMON_PORT")


def _listen_host(host: str | None) -> str | None:
    if host is None or host in LOOPBACK_HOSTS:
        return host
    raise InvalidInput(
        f"STYXY_DAEMON_HOST must be a loopback address ({', '.join(LOOPBACK_HOSTS)}), not {host!r}"
    )


def _log_level(level: str | None) -> str | None:
    known = BY_PATH["log_level"].choices
    if not level or level.lower() in known:
        return level.lower() if level else None
    raise InvalidInput(f"STYXY_LOG_LEVEL must be one of {', '.join(known)}, not {level[:20]!r}")


def _skips_token(env: Mapping[str, str], *, insecure: bool) -> bool:
    wanted = env.get("STYXY_SKIP_AUTH") in ("1", "true", "yes")
    if wanted and not insecure:
        raise InvalidInput(
            "STYXY_SKIP_AUTH is for testing; start the daemon with --insecure-no-auth as well"
        )
    return wanted


_MARKS = frozenset({"auth.token", "config.json", "daemon.json", "styxy.db"})
"""Files of which each one makes a directory a Styxy home."""


def check_home(path: str) -> None:
    """See that a directory which others may enter is Styxy's, or empty. Raises `Unavailable`.

    The home is closed to others: `STYXY_HOME=/` must not lock everybody out of the machine.
    """
    try:
        is_open = stat.S_IMODE(os.lstat(path).st_mode) & 0o077
        names = set(os.listdir(path)) if is_open else set()
    except OSError:
        return  # there is none yet, or making it says why not
    if names and not names & _MARKS:
        raise Unavailable(
            f"{path} holds other files than Styxy's and is open to others; "
            f"set STYXY_HOME to a directory of its own, or say: chmod 700 {path}"
        )


def private_home(path: str) -> None:
    """Make Styxy's home, or see that it is one. Raises `Unavailable`."""
    check_home(path)
    private_directory(path)


def private_directory(path: str, *, fix: str = "set STYXY_HOME to a directory of your own") -> None:
    """Make a directory of mode 0700, or see that it is one. Raises `Unavailable`.

    A link or another user's directory is refused: whoever planted it could read what lies in it.
    `fix` is the next step where it cannot be made.
    """
    old_mask = os.umask(0o077)  # for the parents, to which `mode` does not apply
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        status = os.lstat(path)
    except OSError as error:
        raise Unavailable(f"cannot make the directory {path}: {error.strerror}; {fix}") from error
    finally:
        os.umask(old_mask)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise Unavailable(f"{path} is a link or another user's; move it away and start again")
    if status.st_mode & 0o077:
        os.chmod(path, 0o700)


def load_token(path: str) -> str:
    """Read the TCP port's token, 64 hex digits, or make one."""
    try:
        descriptor = os.open(path, _READING)
    except FileNotFoundError:
        return _new_token(path)
    except OSError as error:
        raise Unavailable(f"cannot open {path}: {error.strerror}") from error
    try:
        os.fchmod(descriptor, 0o600)
        token = os.read(descriptor, 1024).decode("ascii", "replace").strip()
    except IsADirectoryError as error:
        raise Unavailable(f"{path} is a directory; move it away and start again") from error
    finally:
        os.close(descriptor)
    if _is_token(token):
        return token
    return _new_token(path)


def is_token(path: str) -> bool:
    """Tell whether a file holds a token that can be used.

    Raises `Unavailable` where no descriptor is left to look with.
    """
    try:
        with open(os.open(path, _READING), "rb") as file:
            return _is_token(file.read(1024).decode("ascii", "replace").strip())
    except OSError as error:
        if is_want(error):
            raise refusal(error) from error
        return False  # ENOENT, EISDIR, EACCES, ELOOP: nothing that can be read


def _is_token(text: str) -> bool:
    return len(text) == 2 * TOKEN_BYTES and all(digit in "0123456789abcdef" for digit in text)


def write_token(path: str, token: str) -> None:
    """Put a token in the place of whatever file is there, in one step. Raises `OSError`."""
    temporary = f"{path}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(temporary, flags, 0o600), "w") as file:
        file.write(token + "\n")
    os.replace(temporary, path)


def _new_token(path: str) -> str:
    token = secrets.token_hex(TOKEN_BYTES)
    write_token(path, token)
    return token
