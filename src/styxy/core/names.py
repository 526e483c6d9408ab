"""The names of service types. The command line loads this at every start."""

from __future__ import annotations

import re

from styxy.core.errors import InvalidInput
from styxy.core.wording import echo

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")


def check_name(name: str) -> str:
    """Accept the name of a service type, in lower case. Raises `InvalidInput`."""
    lowered = name.lower()
    if NAME.fullmatch(lowered):
        return lowered
    raise InvalidInput(
        f"{echo(name)} cannot name a service type; use 1 to 50 of a-z, 0-9 and '-', not '-' first"
    )
