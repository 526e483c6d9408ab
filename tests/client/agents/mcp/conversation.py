"""The SDK's own client on the standard streams of a real `styxy mcp`, and projects for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.session import ClientRequestContext
from mcp.types import CallToolResult, ListRootsResult, Root, TextContent, TextResourceContents
from pydantic import FileUrl

from tests.commands import COMMAND, CommandLine

Result = TypeVar("Result")

in_both_eras = pytest.mark.parametrize(
    "mode", [pytest.param("legacy", marks=pytest.mark.slow), "auto"]
)
"""With the handshake of revisions up to 2025-11-25, and without one, as since 2026-07-28. Each case
starts a Python with the SDK, so the older era waits for the slow tests."""


def talk(
    styxy: CommandLine,
    work: Callable[[Client], Awaitable[Result]],
    *words: str,
    mode: str = "legacy",
    cwd: Path | None = None,
    roots: Sequence[Path] | None = None,
) -> Result:
    """Start `styxy mcp`, do `work` with a client of it, and end both. `roots`: what it offers."""

    async def offer(context: ClientRequestContext) -> ListRootsResult:
        assert context.session is not None
        assert roots is not None
        return ListRootsResult(roots=[Root(uri=FileUrl(root.as_uri())) for root in roots])

    async def converse() -> Result:
        async with Client(
            StdioServerParameters(
                command=COMMAND[0], args=[*COMMAND[1:], "mcp", *words], env=styxy.env, cwd=cwd
            ),
            mode=mode,
            list_roots_callback=None if roots is None else offer,
        ) as client:
            return await work(client)

    return asyncio.run(converse())


async def ask(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    """Call a tool; the client holds the answer against the tool's schema and raises otherwise."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    assert isinstance(result.structured_content, dict)
    assert json.loads(text_of(result)) == result.structured_content
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: object) -> str:
    """Call a tool that fails, and give what the model is told."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return text_of(result)


async def read(client: Client, uri: str) -> dict[str, Any]:
    """Read a resource, which is JSON."""
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    document = json.loads(content.text)
    assert isinstance(document, dict)
    return document


def text_of(result: CallToolResult) -> str:
    """Give the one text of a result."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def project(tmp_path: Path, name: str) -> Path:
    """Make a directory that is a project."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "package.json").write_text("{}")
    return tmp_path / name


def ports_of(leases: dict[str, Any]) -> list[int]:
    """Give the ports of an answer of GET /allocations."""
    return [each["port"] for each in leases["allocations"]]
