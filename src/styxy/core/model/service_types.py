"""Service types: named kinds of service with their ranges of ports. The only table of them.

Allocation, suggestions, observations, documentation and the API's page all read this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Literal

from styxy.core.errors import UnknownServiceType
from styxy.core.messages import echo, guess
from styxy.core.model.ports import Port, PortRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Behavior = Literal["multi", "single"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceType:
    """One kind of service. `behavior` "single" makes it a singleton.

    `more` are the additional ranges of a type that grew without room beside it. `auto_allocated` is
    the date (RFC 3339) on which the type was auto-allocated.
    """

    name: str
    ports: PortRange
    more: tuple[PortRange, ...] = ()
    preferred_ports: tuple[Port, ...] = ()
    description: str = ""
    behavior: Behavior = "multi"
    auto_allocated: str | None = None

    @property
    def is_singleton(self) -> bool:
        """Whether one lease serves everybody."""
        return self.behavior == "single"

    @property
    def ranges(self) -> tuple[PortRange, ...]:
        """All ranges of the type, the first one first."""
        return (self.ports, *self.more)

    @property
    def spans(self) -> str:
        """All ranges as text: `11510-11529, 11540-11549`."""
        return ", ".join(str(each) for each in self.ranges)

    def holds(self, port: Port) -> bool:
        """Return whether a port is in one of the ranges."""
        return any(port in each for each in self.ranges)

    def all_ports(self) -> Iterator[Port]:
        """Iterate over the ports of all ranges, upwards in each."""
        return chain.from_iterable(self.ranges)

    def candidates(self) -> Iterator[Port]:
        """Iterate over the ports in order of preference: preferred ones, then upwards."""
        yield from self.preferred_ports
        yield from (port for port in self.all_ports() if port not in self.preferred_ports)


def _built_in(
    name: str,
    ports: tuple[int, int],
    preferred_ports: tuple[int, int],
    description: str,
    behavior: Behavior = "multi",
) -> ServiceType:
    first, last = preferred_ports
    return ServiceType(
        name=name,
        ports=PortRange(Port(ports[0]), Port(ports[1])),
        preferred_ports=tuple(Port(port) for port in range(first, last + 1)),
        description=description,
        behavior=behavior,
    )


BUILT_IN: tuple[ServiceType, ...] = (
    _built_in(
        "dev", (3000, 3099), (3000, 3003), "Front-end development servers (React, Next.js, Vite)"
    ),
    _built_in("monitoring", (3100, 3199), (3100, 3103), "Metrics dashboards, log viewers"),
    _built_in("ui", (4000, 4099), (4000, 4003), "Admin interfaces, Firebase emulator UI"),
    _built_in(
        "docs", (4100, 4199), (4100, 4103), "Documentation servers (MkDocs, Docusaurus, Sphinx)"
    ),
    _built_in("hub", (4400, 4499), (4400, 4403), "Multi-service coordination, emulator hubs"),
    _built_in("functions", (5000, 5099), (5001, 5004), "Serverless functions, Firebase functions"),
    _built_in("database", (5430, 5499), (5430, 5433), "PostgreSQL, MySQL, Firestore emulator"),
    _built_in("storybook", (6006, 6029), (6006, 6009), "Component development"),
    _built_in("infrastructure", (6370, 6399), (6370, 6373), "Redis, caches, background services"),
    _built_in("api", (8000, 8099), (8000, 8003), "Back-end servers (Express, FastAPI, Django)"),
    _built_in("proxy", (8100, 8199), (8100, 8103), "Development proxies"),
    _built_in("build", (8200, 8299), (8200, 8203), "Bundlers and build services"),
    _built_in("messaging", (9050, 9098), (9050, 9053), "Kafka, RabbitMQ, brokers"),
    _built_in("auth", (9099, 9199), (9099, 9102), "Auth emulators and servers"),
    _built_in("test", (9200, 9299), (9200, 9203), "Test frameworks, browser debugging"),
    _built_in(
        "coordination", (9870, 9899), (9870, 9873), "Styxy itself (9876) and other coordinators"
    ),
    _built_in(
        "ai",
        (11400, 11499),
        (11430, 11433),
        "Ollama, local models, embedding and RAG services",
        "single",
    ),
)

FALLBACK = "dev"
"""The type of an unknown port or program."""

SHARED_TYPES = frozenset({"database", "infrastructure", "messaging", "ai", "coordination"})
"""Types that worktrees of one repo share: their servers never count as a sibling's."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The service types in force. Immutable: a change makes a new one."""

    types: tuple[ServiceType, ...] = BUILT_IN
    _by_name: dict[str, ServiceType] = field(init=False, repr=False, compare=False)
    _spans: tuple[tuple[Port, Port, ServiceType], ...] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {each.name: each for each in self.types})
        spans = tuple((span.first, span.last, each) for each in self.types for span in each.ranges)
        object.__setattr__(self, "_spans", spans)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[ServiceType]:
        return iter(self.types)

    def find(self, name: str | None) -> ServiceType | None:
        """Find a type by name; None if there is no such type, or no name."""
        return None if name is None else self._by_name.get(name)

    def get(self, name: str) -> ServiceType:
        """Find a type by name; raises `UnknownServiceType`, which lists the known ones."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownServiceType(
                f"unknown service type {echo(name)}; {guess(name, self._by_name)}",
                known=list(self._by_name),
            ) from None

    def containing(self, port: Port) -> ServiceType | None:
        """Find the type whose range contains `port`."""
        for first, last, kind in self._spans:
            if first <= port <= last:
                return kind
        return None

    def extended(self, more: Iterable[ServiceType]) -> Catalogue:
        """Return a catalogue with `more` added; types with a known name are replaced."""
        merged = {each.name: each for each in (*self.types, *more)}
        return Catalogue(tuple(merged.values()))

    def without(self, name: str) -> Catalogue:
        """Return a catalogue without one type."""
        return Catalogue(tuple(each for each in self.types if each.name != name))
