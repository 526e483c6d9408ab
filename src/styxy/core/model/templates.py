"""Instance templates: a fixed offset per kind of checkout, so that ports differ but are
predictable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.errors import InvalidInput
from styxy.core.messages import echo, guess
from styxy.core.model.ports import LAST_PORT, Port

if TYPE_CHECKING:
    from styxy.core.model.service_types import ServiceType

OFFSETS = {"main": 0, "dev": 1, "staging": 2, "features": 3}
"""The offset of each template from the first preferred port of a service type."""

TEMPLATED_TYPES = (
    "dev",
    "database",
    "auth",
    "functions",
    "ui",
    "hub",
    "infrastructure",
    "ai",
    "messaging",
    "coordination",
)
"""The service types that templates cover."""


def check_template(name: str) -> str:
    """Validate a template name. Raises `InvalidInput`, which lists the valid ones."""
    if name in OFFSETS:
        return name
    raise InvalidInput(
        f"unknown template {echo(name)}; {guess(name, OFFSETS)}", known=list(OFFSETS)
    )


def template_port(template: str | None, kind: ServiceType) -> Port | None:
    """Return the port that a template prefers for a service type; None if it has no preference."""
    if template is None or kind.name not in TEMPLATED_TYPES or not kind.preferred_ports:
        return None
    number = kind.preferred_ports[0] + OFFSETS[template]
    return Port(number) if number <= LAST_PORT and kind.holds(Port(number)) else None
