"""The API documentation as one web page: HTML made from the OpenAPI document, self-contained.

Written by hand and small, because the usual viewers load megabytes of script from another host;
this one needs no script, and works in light and dark mode. Everything that comes from the document
is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --soft: #8882; --line: #8885; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
code, pre { font: 14px/1.5 ui-monospace, monospace; }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; border-radius: .3rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid var(--line); }
section { margin: 2.5rem 0; }
h2 code { font-size: 1.15rem; }
.method { display: inline-block; min-width: 4.5rem; }
nav ul { columns: 2; padding: 0; list-style: none; }
a { color: inherit; }
"""

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

METHODS = ("get", "post", "put", "patch", "delete")

Json = dict[str, Any]


def render(document: Json) -> str:
    """Render the page."""
    operations = [
        (method.upper(), path, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]
    schemas = document["components"]["schemas"]
    info = document["info"]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} API</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
            f"<p>{_prose(info['description'])}</p>",
            "<p>The same as data: <code>GET /openapi.json</code>.</p>",
            _contents(operations),
            *(_operation(*operation) for operation in operations),
            "<h2>Shapes</h2>",
            *(_shape(name, schema) for name, schema in sorted(schemas.items())),
            "</body></html>",
        ]
    )


def _contents(operations: list[tuple[str, str, Json]]) -> str:
    rows = (
        f'<li><a href="#{_anchor(operation)}"><code><span class="method">{method}</span>'
        f"{escape(path)}</code></a></li>"
        for method, path, operation in operations
    )
    return f"<nav><ul>{''.join(rows)}</ul></nav>"


def _operation(method: str, path: str, operation: Json) -> str:
    parts = [
        f'<section id="{_anchor(operation)}"><h2><code>{method} {escape(path)}</code></h2>',
        f"<p>{_prose(operation['summary'])}."
        f"{' No token is needed.' if operation.get('security') == [] else ''}</p>",
    ]
    if "x-example" in operation:
        parts.append(f"<p>Example: <code>{method} {escape(operation['x-example'])}</code></p>")
    if operation["parameters"]:
        parts.append(_parameters(operation["parameters"]))
    body = operation.get("requestBody")
    if body is not None:
        media = body["content"]["application/json"]
        parts.append(f"<p>Body: {_type_of(media['schema'])}</p>")
        if "example" in media:
            parts.append(f"<pre>{escape(json.dumps(media['example'], indent=2))}</pre>")
    parts.append(_responses(operation["responses"]))
    return "\n".join([*parts, "</section>"])


def _parameters(parameters: list[Json]) -> str:
    rows = (
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}"
        f"{', required' if each['required'] else ''}</td><td>{_type_of(each['schema'])}</td></tr>"
        for each in parameters
    )
    return f"<table><tr><th>Parameter<th>In<th>Value</tr>{''.join(rows)}</table>"


def _responses(responses: Json) -> str:
    rows = (
        f"<tr><td><code>{status}</code></td><td>{_prose(answer['description'])}</td><td>"
        + ", ".join(
            _type_of(content["schema"]) if media == "application/json" else escape(media)
            for media, content in answer["content"].items()
        )
        + "</td></tr>"
        for status, answer in responses.items()
    )
    return f"<table><tr><th>Status<th>Meaning<th>Answer</tr>{''.join(rows)}</table>"


def _shape(name: str, schema: Json) -> str:
    required = schema.get("required", ())
    rows = (
        f"<tr><td><code>{escape(field)}</code></td>"
        f"<td>{'always' if field in required else ''}</td><td>{_type_of(kind)}</td></tr>"
        for field, kind in schema.get("properties", {}).items()
    )
    about = _prose(schema.get("description", ""))
    return (
        f'<section id="shape-{escape(name)}"><h3><code>{escape(name)}</code></h3><p>{about}</p>'
        f"<table><tr><th>Field<th>Present<th>Value</tr>{''.join(rows)}</table></section>"
    )


def _type_of(schema: Json) -> str:
    """Describe a JSON schema in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#shape-{name}"><code>{name}</code></a>'
    if "anyOf" in schema:
        return " or ".join(_type_of(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"<code>{escape(json.dumps(each))}</code>" for each in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type_of(schema.get('items', {}))}"
    return escape(str(kind)) + _limits(schema)


def _limits(schema: Json) -> str:
    words = {
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "maxLength": "max. characters",
        "pattern": "like",
        "default": "default",
    }
    said = [
        f"{word} <code>{escape(str(schema[key]))}</code>"
        for key, word in words.items()
        if schema.get(key) is not None
    ]
    return f" {' '.join(said)}" if said else ""


def _anchor(operation: Json) -> str:
    return escape(operation["operationId"])


def _prose(text: str) -> str:
    """Escape text, and format what is between backquotes as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if odd % 2 else part for odd, part in enumerate(parts))
