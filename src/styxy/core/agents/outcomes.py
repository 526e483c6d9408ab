"""What a command printed and whether it failed, as each agent reports it after the command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.core.agents.events import Outcome

LARGEST_OUTPUT = 16 * 1024
"""Characters of output that are read, from its end: that is where a failure stands."""

_RESULTS = (
    "error",
    "error_message",
    "tool_response",
    "toolResult",
    "tool_result",
    "tool_output",
    "output",
)
_TEXTS = ("llmContent", "textResultForLlm", "text_result_for_llm", "output", "stdout", "stderr")
_CODES = ("exitCode", "exit_code", "exit")
_STATEMENTS = ("Exit Code: ", "completed with exit code ", "Exit code ")
"""What stands before the exit status in the texts of Gemini and Qwen, Copilot, and Claude."""


_GROUP = "Process Group PGID: "
"""What stands before the process group of a command in Gemini's text for its model."""


def group_of(output: str) -> int | None:
    """Return the process group in which an agent says that it ran a command.

    The last statement counts, as for the exit status.
    """
    place = output.rfind(_GROUP)
    digits = output[place + len(_GROUP) :].split(maxsplit=1)[:1] if place >= 0 else []
    number = digits[0] if digits else ""
    return int(number) if number.isascii() and number.isdigit() and len(number) < 11 else None


def outcome_of(name: str, payload: Mapping[str, Any]) -> tuple[str, Outcome]:
    """Return the end of a command's output, and whether the command failed.

    An agent that says nothing of the exit status (Codex) leaves that unknown.
    """
    results = [_decoded(payload[key]) for key in _RESULTS if payload.get(key) is not None]
    output = "\n".join(text for each in results for text in _texts(each))
    code = next((code for each in (payload, *results) if (code := _code(each)) is not None), None)
    if code is None:
        code = _stated_code(output)
    return output[-LARGEST_OUTPUT:], _outcome(name, payload, code)


def _outcome(name: str, payload: Mapping[str, Any], code: int | None) -> Outcome:
    if code is not None:
        return "failed" if code else "passed"
    if name.lower().endswith("failure") or payload.get("error"):
        return "failed"
    response = payload.get("tool_response")
    return "passed" if isinstance(response, dict) else "unknown"


def _decoded(result: object) -> object:
    """Decode what Cursor sends as the text of a JSON object; any other result stays as it is."""
    if not isinstance(result, str) or not result.startswith("{"):
        return result
    try:
        document = json.loads(result)
    except (ValueError, RecursionError):
        return result
    is_known = isinstance(document, dict) and any(key in document for key in (*_TEXTS, *_CODES))
    return document if is_known else result


def _texts(result: object) -> list[str]:
    if isinstance(result, str):
        return [result]
    if not isinstance(result, dict):
        return []
    metadata = result.get("metadata")
    nested = [metadata] if isinstance(metadata, dict) and "output" not in result else []
    return [
        value
        for each in (result, *nested)
        for key in _TEXTS
        if isinstance(value := each.get(key), str)
    ]


def _code(result: object) -> int | None:
    if not isinstance(result, dict):
        return None
    metadata = result.get("metadata")
    for each in (result, metadata if isinstance(metadata, dict) else {}):
        for key in _CODES:
            value = each.get(key)
            if isinstance(value, int) and not isinstance(value, bool):
                return value
    return None


def _stated_code(output: str) -> int | None:
    """Find the exit status that an agent wrote into the text for its model.

    The last statement counts: the command may have printed one like it before.
    """
    for statement in _STATEMENTS:
        place = output.rfind(statement)
        if place < 0:
            continue
        digits = ""
        for character in output[place + len(statement) :][:4]:
            if not (character.isascii() and character.isdigit()):
                break
            digits += character
        if digits:
            return int(digits)
    return None
