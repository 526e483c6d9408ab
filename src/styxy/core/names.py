"""Valid names for service types, and where an instance's name comes from.

The command line loads this at every start.
"""

from __future__ import annotations

import re

from styxy.core.errors import InvalidInput
from styxy.core.messages import echo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")

INSTANCE = re.compile(r"[A-Za-z0-9._-]{1,100}")

INSTANCE_RULE = "1 to 100 characters from A-Z, a-z, 0-9, '.', '_' and '-'"

INSTANCE_NAMES = ("STYXY_INSTANCE_ID", "CLAUDE_INSTANCE_ID")
"""The variables that name the caller's instance; the first that is not empty counts."""


def check_name(name: str) -> str:
    """Validate a service type name and return it in lower case. Raises `InvalidInput`."""
    lowered = name.lower()
    if NAME.fullmatch(lowered):
        return lowered
    raise InvalidInput(
        f"{echo(name)} is not a valid service type; use 1 to 50 characters from a-z, 0-9 and "
        "'-', not starting with '-'"
    )


def instance_of(env: Mapping[str, str]) -> str | None:
    """Return the instance that an environment belongs to: an agent session or a terminal."""
    return next((env[name] for name in INSTANCE_NAMES if env.get(name)), None)


def own_instance(env: Mapping[str, str]) -> str | None:
    """Return the caller's instance. Raises `InvalidInput`, which names the variable."""
    variable = next((name for name in INSTANCE_NAMES if env.get(name)), None)
    if variable is None or INSTANCE.fullmatch(env[variable]):
        return instance_of(env)
    raise InvalidInput(f"{variable} must be {INSTANCE_RULE}, not {echo(env[variable])}")
