"""The configuration in force, and changes to it."""

from __future__ import annotations

from styxy.core.protocol import config as codec
from styxy.server.http.routes.call import Call, Route


def config(call: Call) -> codec.ConfigAnswer:
    """Return the configuration in force."""
    live_config = call.service.context.live_config
    return codec.config(
        live_config.configuration,
        call.service.desk.catalogue,
        file=live_config.file.path,
        source=live_config.source,
        loaded_at=live_config.loaded_at,
        origins=live_config.origins,
        problems=live_config.problems,
    )


def change_config(call: Call) -> codec.ConfigChanged:
    """Change config.json and apply it."""
    body: codec.ConfigChange = call.body
    live_config = call.service.context.live_config
    edited = live_config.change(body.changes, dry_run=body.dry_run)
    return codec.changed(
        body.changes,
        file=live_config.file.path,
        has_changed=edited.has_changed,
        dry_run=body.dry_run,
        copy=edited.copy,
        overrides=live_config.overrides.origins,
        problems=edited.loaded.problems,
    )


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/config",
        handler=config,
        summary="Show the configuration in force and any problems in config.json",
        answer=codec.ConfigAnswer,
    ),
    Route(
        method="PATCH",
        path="/config",
        handler=change_config,
        summary="Change config.json and apply it",
        body=codec.ConfigChange,
        answer=codec.ConfigChanged,
        errors=(409,),
        example_body={"changes": {"auto_allocation": {"gap_size": 20}}, "dry_run": True},
    ),
)
