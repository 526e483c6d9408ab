"""The OpenAPI 3.1 document, made from the table of routes and the shapes of the protocol."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from styxy import __version__
from styxy.core.agents.answers import PROTOCOLS
from styxy.core.protocol.decoding import ErrorAnswer
from styxy.core.protocol.scalars import Name, PortNumber

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from styxy.server.http.routes.call import Route

PATH_PARAMETERS: dict[str, tuple[Any, str]] = {
    "port": (PortNumber, "3000"),
    "service_type": (str, "dev"),
    "lock_id": (str, "0f3c9a5e7b1d2846aa90c4e1f2b37d58"),
    "id": (Name, "agent-1"),
    "agent": (Literal[("auto", *PROTOCOLS)], "claude"),
    "event": (str, "SessionStart"),
}
"""The placeholders of paths: what each may be, with an example."""

STATUSES = {
    400: "The request is invalid: a value, a field, the JSON, or the HTTP itself",
    401: "A request over TCP had no token, or the wrong one",
    403: "The request comes from another site, or its Host is not a loopback name",
    404: "It does not exist",
    409: "The current state does not allow it: a full range, a missing confirmation",
    413: "The body is over 64 KiB (of a hook, over 256 KiB)",
    429: "The rate limit was exceeded; Retry-After says when to try again",
    503: "The daemon cannot do it now; nothing has changed",
}

_PLACEHOLDER = re.compile(r"{(\w+)}")
_ALWAYS_POSSIBLE = (400, 401, 403, 503)
_REF = "#/components/schemas/{name}"
_DESCRIPTION = (
    "Coordinates the ports of one developer machine. Over TCP, every request needs the token from "
    "the Styxy home; over the Unix socket, the kernel identifies the caller. All errors have the "
    "same shape, with a stable `code`."
)

Schema = dict[str, object]


def document(routes: Sequence[Route]) -> dict[str, object]:
    """Describe the routes."""
    shapes: set[type[msgspec.Struct]] = {ErrorAnswer}
    for route in routes:
        shapes.update(shape for shape in (route.answer, route.query, route.body) if shape)
    ordered = sorted(shapes, key=lambda shape: shape.__name__)
    references, raw = msgspec.json.schema_components(ordered, ref_template=_REF)
    components = {name: _plain(schema) for name, schema in raw.items()}
    reference = dict(zip(ordered, references, strict=True))
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(
            route, reference, components
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Styxy", "version": __version__, "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "session": {"type": "apiKey", "in": "cookie", "name": "styxy_9876"},
            },
        },
        "security": [{"bearer": []}, {"apiKey": []}, {"session": []}],
    }


def statuses(route: Route) -> list[int]:
    """List the statuses with which an operation can fail."""
    found = {*_ALWAYS_POSSIBLE, *route.errors}
    if _PLACEHOLDER.search(route.path):
        found.add(404)  # without the part, it is a different path
    if route.body is not None:
        found.add(413)
    if not route.is_uncounted:
        found.add(429)
    if route.is_open:
        found.discard(401)
    return sorted(found)


def _operation(
    route: Route, reference: dict[type[msgspec.Struct], Schema], components: dict[str, Schema]
) -> Schema:
    operation: Schema = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "parameters": _parameters(route, components),
        "responses": {
            "200": {"description": "Done", "content": _content(route, reference)},
            **{
                str(status): {
                    "description": STATUSES[status],
                    "content": _json(reference[ErrorAnswer]),
                }
                for status in statuses(route)
            },
        },
    }
    if route.example is not None:
        operation["x-example"] = route.example
    if route.body is not None:
        needed = any(field.required for field in msgspec.structs.fields(route.body))
        media: Schema = {"schema": reference[route.body]}
        if route.example_body is not None:
            media["example"] = route.example_body
        operation["requestBody"] = {"required": needed, "content": {"application/json": media}}
    if route.takes_any_body:
        body = {"schema": {}, "example": route.example_body}  # whatever a hook is told
        operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    if route.is_open:
        operation["security"] = []
    return operation


def _content(route: Route, reference: dict[type[msgspec.Struct], Schema]) -> Schema:
    if route.takes_any_body:
        return {}  # what an agent's hook prints, in a form of its own, or nothing at all
    content: Schema = {media: {"schema": {"type": "string"}} for media in route.media}
    if route.answer is not None:
        content |= _json(reference[route.answer])
    elif not route.media:
        content |= _json({"type": "object"})
    return content


def _parameters(route: Route, components: dict[str, Schema]) -> list[Schema]:
    return [
        *(_path_parameter(name) for name in _PLACEHOLDER.findall(route.path)),
        *(_query_parameters(components[route.query.__name__]) if route.query else ()),
        *(
            {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
            for name in route.headers
        ),
    ]


def _path_parameter(name: str) -> Schema:
    kind, example = PATH_PARAMETERS[name]
    schema = _plain(msgspec.json.schema(kind))
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def _query_parameters(shape: Schema) -> Iterable[Schema]:
    properties, required = shape["properties"], shape.get("required", ())
    assert isinstance(properties, dict)
    assert isinstance(required, list | tuple)
    return (
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in properties.items()
    )


def _plain(schema: Any) -> Any:
    """Say in words that every tool knows: a tuple of one type is a list of fixed length, and a
    pattern is one of ECMA-262 (JSON Schema, 6.4), where the end is `$`.
    """
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    items = schema.get("prefixItems")
    if items and all(each == items[0] for each in items):
        size = len(items)
        rest = {key: value for key, value in schema.items() if key != "prefixItems"}
        return {**rest, "items": _plain(items[0]), "minItems": size, "maxItems": size}
    plain = {key: _plain(value) for key, value in schema.items()}
    if isinstance(pattern := plain.get("pattern"), str):
        plain["pattern"] = pattern.replace(r"\Z", "$")
    return plain


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}
