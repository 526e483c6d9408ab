"""Auto-allocated service types: list, undo."""

from __future__ import annotations

from styxy.core.protocol import ranges as shapes
from styxy.server.http.routes.call import Call, Route


def made_types(call: Call) -> shapes.MadeTypesAnswer:
    """List the auto-allocated types."""
    desk = call.service.desk
    kinds = [kind for kind in desk.catalogue if kind.auto_allocated is not None]
    kinds.sort(key=lambda kind: (kind.auto_allocated, kind.ports.first))
    settings = desk.settings
    return shapes.MadeTypesAnswer(
        enabled=settings.auto_allocation.enabled,
        settings=settings.auto_allocation,
        rules={rule.pattern: rule.entry() for rule in settings.auto_allocation_rules},
        service_types=[shapes.made(kind, desk.lease_index) for kind in kinds],
    )


def undo(call: Call) -> shapes.UndoAnswer:
    """Undo an auto-allocated type."""
    kind = call.service.ranges.undo(call.path["service_type"], force=call.query.force)
    return shapes.undone(kind)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/auto-allocation",
        handler=made_types,
        summary="List auto-allocated service types",
        answer=shapes.MadeTypesAnswer,
    ),
    Route(
        method="DELETE",
        path="/auto-allocation/{service_type}",
        handler=undo,
        summary="Undo an auto-allocated service type",
        query=shapes.UndoQuery,
        answer=shapes.UndoAnswer,
        errors=(404, 409),
    ),
)
