"""Auto-allocated service types, and how they are undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from styxy.core.config.configuration import AutoAllocation
from styxy.core.protocol.leases import Allocation, allocation

if TYPE_CHECKING:
    from styxy.core.books.lease_index import LeaseIndex
    from styxy.core.model.service_types import ServiceType


class MadeType(msgspec.Struct, kw_only=True):
    """One auto-allocated service type. Ranges are first and last port."""

    service_type: str
    ranges: list[tuple[int, int]]
    auto_allocated: str
    allocations: int
    leases: list[Allocation]


class MadeTypesAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /auto-allocation, oldest type first; `rules` are by pattern."""

    enabled: bool
    settings: AutoAllocation
    rules: dict[str, dict[str, Any]]
    service_types: list[MadeType]


class UndoQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of DELETE /auto-allocation/{service_type}."""

    force: bool = False


class UndoAnswer(msgspec.Struct, kw_only=True):
    """The answer of DELETE /auto-allocation/{service_type}."""

    success: bool
    service_type: str
    ranges: list[tuple[int, int]]
    message: str


def made(kind: ServiceType, lease_index: LeaseIndex) -> MadeType:
    """Convert an auto-allocated type to the API's shape."""
    leases = lease_index.of_type(kind.name)
    return MadeType(
        service_type=kind.name,
        ranges=_ranges(kind),
        auto_allocated=kind.auto_allocated or "",
        allocations=len(leases),
        leases=[allocation(lease) for lease in leases],
    )


def undone(kind: ServiceType) -> UndoAnswer:
    """Report that an auto-allocated type was removed."""
    return UndoAnswer(
        success=True,
        service_type=kind.name,
        ranges=_ranges(kind),
        message=f"Service type {kind.name!r} was removed; "
        f"its ports {kind.spans} are available again",
    )


def _ranges(kind: ServiceType) -> list[tuple[int, int]]:
    return [(each.first, each.last) for each in kind.ranges]
