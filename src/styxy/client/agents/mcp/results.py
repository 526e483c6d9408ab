"""What a tool returns: the API's own answer, as structured content and as text.

Text, too, because clients of older revisions show the model only that. A failure is a `ToolError`
with one sentence that ends in the command to run.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.types import CallToolResult, TextContent
from pydantic import ValidationError

from styxy.client.agents.mcp.shell import help_of, in_shell
from styxy.core.errors import InvalidInput, StyxyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from styxy.client.daemon.connection import Answer


def answered(answer: Answer) -> CallToolResult:
    """Return what the daemon answered."""
    return structured(answer.data)


def reported(report: Any) -> CallToolResult:
    """Return the fields of a dataclass."""
    return structured(asdict(report))


def structured(data: dict[str, object]) -> CallToolResult:
    """Return a JSON object as structured content and as text."""
    text = printable(data)
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=json.loads(text)
    )


def printable(data: dict[str, object]) -> str:
    """Encode an object as JSON; a byte of a path that is not UTF-8 becomes a question mark.

    MCP is UTF-8 (revision 2025-06-18, Transports), which has no place for such a byte.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()


def explained(error: ToolError, tool: str, arguments: Mapping[str, object]) -> ToolError:
    """Put a failure of a call into one sentence that ends in a command to run."""
    cause = error.__cause__
    if isinstance(cause, StyxyError):
        return ToolError(_sentence(cause, tool))
    if isinstance(cause, ValidationError):
        return ToolError(_sentence(InvalidInput(_misfits(cause)), tool))
    if isinstance(error, UnexpectedToolError):
        return UnexpectedToolError(
            f"{tool} failed unexpectedly; in a shell: {in_shell(tool, arguments)}"
        )
    return error


def _sentence(failure: StyxyError, tool: str) -> str:
    if "styxy " in failure.message:
        return failure.message
    suggestions = failure.context.get("suggestions")
    if isinstance(suggestions, list) and suggestions:
        return f"{failure.message}; try: {suggestions[0]}"
    return f"{failure.message}; see: {help_of(tool)}"


def _misfits(error: ValidationError) -> str:
    """Name each argument that does not fit, and what it must be (in pydantic's words)."""
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()
    )
