"""Ports that the registry of IANA gives to services which really listen on developers' machines.

RFC 6335 section 6 has three spans: system ports (0-1023), which no service type may have; user
ports (1024-49151), which the registry assigns one by one; dynamic ports (49152-65535), which it
never assigns. More than five thousand user ports are assigned over TCP, most of them to what nobody
runs, so that an assignment alone is no reason to keep away. This table has those that are: whoever
puts a range over one will meet its server sooner or later. `docs/iana.tsv` has every assignment in
our own ranges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.model.service_types import Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from styxy.core.model.service_types import ServiceType

REGISTRY_DATE = "2025-03-28"
"""The last change of the registry that the assignments were taken from."""


class Assignment(Struct, frozen=True):
    """A port, the registry's name of its service over TCP, and what programs call it."""

    port: int
    name: str
    program: str


WELL_KNOWN: tuple[Assignment, ...] = (
    Assignment(1080, "socks", "a SOCKS proxy"),
    Assignment(1433, "ms-sql-s", "SQL Server"),
    Assignment(1723, "pptp", "a PPTP tunnel"),
    Assignment(1883, "mqtt", "an MQTT broker"),
    Assignment(2049, "nfs", "an NFS server"),
    Assignment(2375, "docker", "Docker"),
    Assignment(2376, "docker-s", "Docker over TLS"),
    Assignment(2377, "swarm", "Docker Swarm"),
    Assignment(2379, "etcd-client", "etcd"),
    Assignment(2380, "etcd-server", "etcd"),
    Assignment(3306, "mysql", "MySQL or MariaDB"),
    Assignment(3389, "ms-wbt-server", "Remote Desktop"),
    Assignment(3478, "stun", "a STUN or TURN server"),
    Assignment(3690, "svn", "Subversion"),
    Assignment(4369, "epmd", "Erlang's port mapper"),
    Assignment(5060, "sip", "a SIP server"),
    Assignment(5061, "sips", "a SIP server over TLS"),
    Assignment(5222, "xmpp-client", "an XMPP server"),
    Assignment(5269, "xmpp-server", "an XMPP server"),
    Assignment(5353, "mdns", "multicast DNS"),
    Assignment(5355, "llmnr", "link-local name resolution"),
    Assignment(5432, "postgresql", "PostgreSQL"),
    Assignment(5671, "amqps", "RabbitMQ over TLS"),
    Assignment(5672, "amqp", "RabbitMQ"),
    Assignment(5900, "rfb", "a VNC server"),
    Assignment(5984, "couchdb", "CouchDB"),
    Assignment(6379, "redis", "Redis or Valkey"),
    Assignment(6514, "syslog-tls", "syslog over TLS"),
    Assignment(7474, "neo4j", "Neo4j"),
    Assignment(7687, "bolt", "Neo4j"),
    Assignment(8883, "secure-mqtt", "an MQTT broker over TLS"),
    Assignment(9100, "pdl-datastream", "a printer"),
    Assignment(9418, "git", "git daemon"),
    Assignment(10050, "zabbix-agent", "Zabbix"),
    Assignment(10051, "zabbix-trapper", "Zabbix"),
    Assignment(11211, "memcache", "memcached"),
    Assignment(27017, "mongodb", "MongoDB"),
)

MEANT = frozenset({"database", "infrastructure", "messaging"})
"""Built-in types that are meant for such services."""

SHORTEST = 3
"""Letters of a word in the name of a type that may stand for a service."""

COMMON = frozenset({
    "agent", "client", "data", "desktop", "link", "local", "mapper", "name", "over", "port",
    "proxy", "remote", "resolution", "secure", "server", "servers", "tunnel",
})  # fmt: skip
"""Words of descriptions that name no service: `api-server` is not meant for SQL Server."""


def squatted(types: Iterable[ServiceType]) -> list[str]:
    """Say of each well-known service, in a sentence, that a configured range lies over its port.

    Ranges that are as they are built in, and types that are named after the service, are left out.
    """
    return [sentence for kind in types if kind.name not in MEANT for sentence in _squatted_by(kind)]


def _squatted_by(kind: ServiceType) -> list[str]:
    built_in = Catalogue().find(kind.name)
    usual = frozenset(built_in.ranges) if built_in is not None else frozenset()
    return [
        f"service_types.{kind.name}: {span} lies over {each.port}, which is {each.program} "
        f"({each.name} in IANA's registry); choose a range without it"
        for span in kind.ranges
        if span not in usual
        for each in WELL_KNOWN
        if span.first <= each.port <= span.last and not _is_named_after(kind.name, each)
    ]


def _is_named_after(name: str, assignment: Assignment) -> bool:
    """Return whether a type is meant for the service itself, as `redis` or `dev-postgres` is."""
    words = f"{assignment.name} {assignment.program}".lower().replace("-", " ").split()
    parts = [part for part in name.split("-") if len(part) >= SHORTEST and part not in COMMON]
    return any(word.startswith(part) for part in parts for word in words)
