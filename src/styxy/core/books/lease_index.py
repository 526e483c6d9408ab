"""The live leases, indexed.

The index is changed only by events (see `core.books.state`); nothing here makes decisions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from typing import TYPE_CHECKING

from styxy.core.errors import UnknownLease
from styxy.core.messages import echo
from styxy.core.model.ports import LAST_PORT, Port, PortRange

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Set

    from styxy.core.model.leases import Holder, Lease, Owner


IndexKey = tuple[str, str] | tuple[str, int] | tuple[str, int, int] | tuple[str, str, str]
"""What is indexed, and by what."""

_LAST_ID = chr(0x10FFFF)
"""Sorts after every id of the same instant."""


class LeaseIndex:
    """The live leases and one index over them.

    No frequent query scans all leases: with ten thousand of them it costs the same as with one.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, Lease] = {}
        self._by_port: dict[Port, Lease] = {}
        self._bound: set[Port] = set()
        self._leased = bytearray(LAST_PORT + 1)  # one byte a port: memchr(3) finds a free one
        self._expiring: list[tuple[float, str]] = []  # sorted; reserved leases alone
        self._index: defaultdict[IndexKey, set[str]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Lease]:
        return iter(self._by_id.values())

    def get(self, lease_id: str) -> Lease:
        """Find a live lease; raises `UnknownLease`."""
        try:
            return self._by_id[lease_id]
        except KeyError:
            raise UnknownLease(
                f"no lease has the id {echo(lease_id)}; see: styxy list",
                lock_id=lease_id,
                suggestions=["styxy list"],
            ) from None

    def on_port(self, port: Port) -> Lease | None:
        """Find the lease on `port`."""
        return self._by_port.get(port)

    def of_pid(self, pid: int) -> list[Lease]:
        """List the leases that a process holds, oldest first."""
        return self._indexed(("pid", pid))

    def of_holder(self, holder: Holder) -> list[Lease]:
        """List what this very process holds, oldest first."""
        return [lease for lease in self.of_pid(holder.pid) if lease.holder == holder]

    def of_type(self, service_type: str) -> list[Lease]:
        """List the leases of one service type, oldest first."""
        return self._indexed(("type", service_type))

    def of_service(self, service_type: str, service_name: str) -> list[Lease]:
        """List the leases with one name in a service type, oldest first."""
        return self._indexed(("service", service_type, service_name))

    def of_instance(self, instance_id: str) -> list[Lease]:
        """List the leases that name an instance, oldest first."""
        return self._indexed(("instance", instance_id))

    def unused(self, service_type: str, project: str) -> int:
        """Count what a project has requested of a service type and does not use."""
        return len(self._index.get(("unused", service_type, project), ()))

    def moved_from(self, owner: Owner, asked: Port) -> list[Lease]:
        """List an owner's moves away from `asked`, oldest first."""
        return self._indexed(("asked", owner.key, asked))

    def granted(self, owner: Owner) -> list[Lease]:
        """List what an owner has requested and does not use yet, oldest first."""
        return self._indexed(("granted", owner.key))

    def asked_for(self, asked: Port) -> list[Lease]:
        """List all moves away from `asked`, oldest first."""
        return self._indexed(("asked by any", asked))

    def leased(self, port: Port) -> Lease:
        """Return the lease of a port that is known to have one."""
        return self._by_port[port]

    @property
    def bound(self) -> Set[Port]:
        """The leased ports that had a listener at the last sweep."""
        return self._bound

    def reserved_among(self, ports: Collection[int]) -> list[Lease]:
        """List the leases on `ports` that are not known to be bound."""
        found = (self._by_port.get(Port(port)) for port in ports)
        return [lease for lease in found if lease is not None and lease.state == "reserved"]

    def expired(self, now: float) -> list[Lease]:
        """List the leases that have expired, the longest overdue first."""
        end = bisect_right(self._expiring, (now, _LAST_ID))
        return [self._by_id[lease_id] for _, lease_id in self._expiring[:end]]

    def unleased(self, ports: PortRange) -> Iterator[Port]:
        """Iterate over the ports of a range that have no lease, in ascending order."""
        end = ports.last + 1
        port = self._leased.find(0, ports.first, end)
        while port >= 0:
            yield Port(port)
            port = self._leased.find(0, port + 1, end)

    def _indexed(self, key: IndexKey) -> list[Lease]:
        leases = (self._by_id[lease_id] for lease_id in self._index.get(key, ()))
        return sorted(leases, key=lambda lease: (lease.allocated_at, lease.port))

    def put(self, lease: Lease) -> None:
        """Add a lease, or replace the one with the same id."""
        if lease.lease_id in self._by_id:
            self.drop(lease.lease_id)
        self._by_id[lease.lease_id] = lease
        self._by_port[lease.port] = lease
        self._leased[lease.port] = 1
        if lease.state == "bound":
            self._bound.add(lease.port)
        elif lease.expires_at is not None:
            insort(self._expiring, (lease.expires_at, lease.lease_id))
        for key in _index_keys(lease):
            self._index[key].add(lease.lease_id)

    def drop(self, lease_id: str) -> Lease:
        """Remove a lease and return it."""
        lease = self._by_id.pop(lease_id)
        del self._by_port[lease.port]
        self._leased[lease.port] = 0
        if lease.state == "bound":
            self._bound.discard(lease.port)
        elif lease.expires_at is not None:
            del self._expiring[bisect_left(self._expiring, (lease.expires_at, lease_id))]
        for key in _index_keys(lease):
            self._index[key].discard(lease_id)
            if not self._index[key]:
                del self._index[key]
        return lease


def _index_keys(lease: Lease) -> Iterator[IndexKey]:
    yield ("type", lease.service_type)
    yield ("service", lease.service_type, lease.service_name)
    yield ("instance", lease.owner.instance_id)
    if lease.holder is not None:
        yield ("pid", lease.holder.pid)
    if lease.state == "reserved" and not lease.was_made_for_bind:
        yield ("granted", lease.owner.key)
        yield ("unused", lease.service_type, lease.owner.project or "")
    if lease.asked is not None:
        yield ("asked", lease.owner.key, lease.asked)
        yield ("asked by any", lease.asked)
