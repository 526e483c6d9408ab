"""Ports and ranges of ports: numbers with a meaning, both ends of a range included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

from styxy.core.errors import InvalidInput
from styxy.core.messages import described

if TYPE_CHECKING:
    from collections.abc import Iterator

Port = NewType("Port", int)

FIRST_PORT = 1
FIRST_UNPRIVILEGED = 1024
"""Binding lower ports needs privileges (ip(7)), so they are never leased."""
LAST_PORT = 65535


def as_port(value: object, *, lowest: int = FIRST_PORT, name: str = "port") -> Port:
    """Check that a value is a whole number from `lowest` to 65535; `name` is for the message.

    Raises `InvalidInput`. A `bool` is not a port, though Python calls it an integer.
    """
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= LAST_PORT:
        return Port(value)
    raise InvalidInput(
        f"{name} must be a whole number from {lowest} to {LAST_PORT}, not {described(value)}"
    )


@dataclass(frozen=True, slots=True)
class PortRange:
    """Consecutive ports, both ends included."""

    first: Port
    last: Port

    def __post_init__(self) -> None:
        as_port(self.first, name="first port")
        as_port(self.last, name="last port")
        if self.first > self.last:
            raise InvalidInput(f"range {self.first}-{self.last} ends before it begins")

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __iter__(self) -> Iterator[Port]:
        return (Port(number) for number in range(self.first, self.last + 1))

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def overlaps(self, other: PortRange) -> bool:
        """Return whether the ranges share a port."""
        return self.first <= other.last and other.first <= self.last

    def gap_to(self, other: PortRange) -> int:
        """Count the unused ports between two ranges; negative if they overlap."""
        lower, upper = sorted((self, other), key=lambda each: each.first)
        return upper.first - lower.last - 1
