"""The variables of an activated shell, in each shell's syntax.

Everything that a shell starts inherits them, so there are as few as possible: the library, and the
location of Styxy's files if it is not the default. Nothing here starts or asks anything.
"""

from __future__ import annotations

import os
import re

from styxy.client.daemon import preloading
from styxy.client.interception.run import guest_environment
from styxy.core.errors import StyxyError
from styxy.core.messages import echo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from styxy.adapters.paths import Paths

NAMES = (preloading.HERE.variable, "STYXY_HOME", "STYXY_SOCKET")

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")


def variables(env: Mapping[str, str], library: str) -> dict[str, str]:
    """Choose the variables; an existing LD_PRELOAD is kept, with our library in it once."""
    own = guest_environment(env, library=library)
    usual = os.path.abspath(os.path.expanduser("~/.styxy"))
    if own.get("STYXY_HOME") == usual:
        del own["STYXY_HOME"]
    return {name: own[name] for name in NAMES if own.get(name)}


def meaningless(env: Mapping[str, str], paths: Paths) -> list[str]:
    """Say of each of Styxy's variables that means nothing why, a sentence each."""
    if not any(name.startswith(("STYXY", "CLAUDE")) for name in env):
        return []
    from styxy.core.config.environment import problems

    said = problems(env, types=lambda: known_types(env, paths))
    return [*said, *(sentence for name in _USELESS if (sentence := _useless(name, env)))]


def _useless(name: str, env: Mapping[str, str]) -> str | None:
    """Say why the path in a variable is of no use; None if it is, or if there is none."""
    path = env.get(name)
    reason = _USELESS[name](path) if path else None
    if path is None or reason is None:
        return None
    return f"{name} is of no use: {echo(path)} {reason}; correct or unset it"


def _why_no_project(path: str) -> str | None:
    return None if os.path.isdir(path) else "is not a directory"


def _why_no_log(path: str) -> str | None:
    """Say why no line can be added to a file; /dev/null is how to have no log."""
    if os.path.islink(path):
        return "is a link, and the log is never written through one"  # O_NOFOLLOW, open(2)
    if os.path.lexists(path):
        if not os.path.isfile(path) and path != os.devnull:
            return "is not a regular file"
        return None if os.access(path, os.W_OK) else "cannot be written"
    directory = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(directory):
        return "is in a directory that does not exist"
    is_open = os.access(directory, os.W_OK | os.X_OK)
    return None if is_open else "is in a directory that cannot be written"


_USELESS: dict[str, Callable[[str], str | None]] = {
    "STYXY_PROJECT": _why_no_project,
    "STYXY_REASSIGNMENT_LOG": _why_no_log,
}
"""What the disk says against a variable that holds a path; the home and the socket are said of
where they are used."""


def known_types(env: Mapping[str, str], paths: Paths) -> list[str]:
    """Name every service type, the user's own as well; none if that cannot be found out."""
    from styxy.client.daemon.configuration import ConfigurationAccess

    try:
        types = ConfigurationAccess(paths, env).show().data.get("service_types")
    except StyxyError:
        return []  # a daemon that does not answer, another variable that means nothing
    return list(types) if isinstance(types, dict) else []


def as_sh(values: Mapping[str, str]) -> str:
    """Format them for a POSIX shell."""
    return "".join(f"export {name}={_quoted_sh(value)}\n" for name, value in values.items())


def as_direnv(values: Mapping[str, str]) -> str:
    """Format them for an .envrc of direnv, which is bash; put it there, or evaluate it there."""
    return as_sh(values)


def as_fish(values: Mapping[str, str]) -> str:
    """Format them for fish, where only \\\\ and \\' are special between single quotes."""
    lines = []
    for name, value in values.items():
        inside = value.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"set -gx {name} '{inside}'\n")
    return "".join(lines)


def as_dotenv(values: Mapping[str, str]) -> str:
    """Format them as a file of NAME=value lines, quoted only if a value needs it."""
    return "".join(f"{name}={_quoted_dotenv(value)}\n" for name, value in values.items())


def as_json(values: Mapping[str, str]) -> str:
    """Format them as one JSON object."""
    import json

    return json.dumps(dict(values)) + "\n"


FORMATS: dict[str, Callable[[Mapping[str, str]], str]] = {
    "sh": as_sh,
    "fish": as_fish,
    "json": as_json,
    "dotenv": as_dotenv,
    "direnv": as_direnv,
}


EDITOR_PORTS, EDITOR_SOURCE = "remote.portsAttributes", "remote.autoForwardPortsSource"


def editor_settings(allocations: Mapping[str, object]) -> dict[str, object]:
    """Write a project's leases as settings of Visual Studio Code, in the order of their ports.

    By default that editor looks for ports in what a terminal prints, where a server that was moved
    may still name the port that it asked for; the process tells where it is.
    """
    found = allocations.get("allocations")
    leases = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    leases.sort(key=lambda each: int(each["port"]))
    return {
        EDITOR_SOURCE: "process",
        EDITOR_PORTS: {str(each["port"]): _port_attributes(each) for each in leases},
    }


def _port_attributes(lease: Mapping[str, object]) -> dict[str, str]:
    from styxy.core.model.service_types import SHARED_TYPES

    kind, name = str(lease.get("service_type")), lease.get("service_name")
    label = kind if name in (None, "", kind, "unnamed-service") else f"{name} ({kind})"
    # Nobody opens a database in a browser.
    return {"label": label, "onAutoForward": "silent" if kind in SHARED_TYPES else "notify"}


def remaining(env: Mapping[str, str]) -> dict[str, str | None]:
    """Choose what turns interception off again: LD_PRELOAD without our library, or none."""
    way = preloading.HERE
    return {way.variable: ":".join(way.others(env)) or None}


def off_sh(values: Mapping[str, str | None]) -> str:
    """Format what is left for a POSIX shell; None unsets."""
    return "".join(
        f"unset {name}\n" if value is None else f"export {name}={_quoted_sh(value)}\n"
        for name, value in values.items()
    )


def off_fish(values: Mapping[str, str | None]) -> str:
    """Format what is left for fish."""
    return "".join(
        f"set -e {name}\n" if value is None else as_fish({name: value})
        for name, value in values.items()
    )


def off_json(values: Mapping[str, str | None]) -> str:
    """Format what is left as one JSON object; null unsets."""
    import json

    return json.dumps(dict(values)) + "\n"


OFF_FORMATS: dict[str, Callable[[Mapping[str, str | None]], str]] = {
    "sh": off_sh,
    "fish": off_fish,
    "json": off_json,
    "direnv": off_sh,
}
"""A file of NAME=value lines cannot unset anything."""


def _quoted_sh(value: str) -> str:
    # POSIX, 2.2.2: everything between single quotes is literal, except the quote.
    return "'" + value.replace("'", "'\"'\"'") + "'"


def _quoted_dotenv(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if "'" not in value and "\n" not in value:
        return f"'{value}'"
    for character in ("\\", '"', "$", "`"):
        value = value.replace(character, "\\" + character)
    return '"' + value.replace("\n", "\\n") + '"'
