"""The four ways in which agents talk to a model over HTTP, as far as a scripted one needs them.

A dialect reads two things of a request, which tools the agent offers and how many of their results
the conversation has, and spells an answer: one tool call, or the word that ends the session. It
knows no script and no socket.

The shapes are those of the Anthropic Messages API, the OpenAI Responses API, OpenAI's chat
completions, and Gemini's `generateContent`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]

LAST_WORD = "done"
"""What the model says when its script is over; the agent then ends its session."""

_JSON_ANSWER = {
    "reasoning": "none",
    "next_speaker": "user",
    "model_choice": "flash",
    "complexity_reasoning": "none",
    "complexity_score": 1,
}
"""What Gemini CLI asks beside the conversation: who speaks next, and which model is to answer."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one of the agent's tools, by its name there."""

    tool: str
    input: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's content type and text."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One API: the end of its paths, what is read of a request, how an answer is spelled."""

    name: str
    is_at: Callable[[str], bool]
    tools: Callable[[Body], Iterator[str]]
    results: Callable[[Body], int]
    reply: Callable[[Body, ToolCall | None], Reply]


_SHELLS: Mapping[str, Callable[[str], Mapping[str, object]]] = {
    "Bash": lambda line: {"command": line, "description": "run it"},
    "exec_command": lambda line: {"cmd": line},
    "shell_command": lambda line: {"command": line},
    "run_shell_command": lambda line: {
        "command": line, "description": "run it", "is_background": False,
    },
    "bash": lambda line: {"command": line, "description": "run it", "mode": "sync"},
}  # fmt: skip
"""How each agent's shell tool is called, by the tool's name."""


def shell_call(line: str, tools: Iterable[str]) -> ToolCall | None:
    """Call the shell among an agent's tools; None where it offers none, as in side questions."""
    offered = set(tools)
    for name, arguments in _SHELLS.items():
        if name in offered:
            return ToolCall(name, arguments(line))
    return None


def texts(value: object) -> Iterator[str]:
    """Yield every string of a request, decoded."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def _number(prefix: str) -> str:
    """Make an id that no other answer of this process has."""
    return f"{prefix}_{next(_numbers)}"


def _json(value: object) -> Reply:
    return Reply("application/json", json.dumps(value))


def _events(events: Sequence[Mapping[str, object]], *, named: bool) -> Reply:
    """Spell server-sent events; some APIs name each by its type."""
    lines = [
        f"event: {each['type']}\ndata: {json.dumps(each)}\n\n"
        if named
        else f"data: {json.dumps(each)}\n\n"
        for each in events
    ]
    return Reply("text/event-stream", "".join(lines))


# --- Anthropic Messages: Claude Code -------------------------------------------------------------


def _messages_results(body: Body) -> int:
    parts = (part for each in body["messages"] for part in _parts(each["content"]))
    return sum(part.get("type") == "tool_result" for part in parts)


def _parts(content: object) -> list[Body]:
    return content if isinstance(content, list) else []


def _messages_reply(body: Body, call: ToolCall | None) -> Reply:
    block: dict[str, object] = {"type": "text", "text": LAST_WORD}
    if call:
        tool_id = _number("toolu")
        block = {"type": "tool_use", "id": tool_id, "name": call.tool, "input": dict(call.input)}
    message: dict[str, object] = {
        "id": _number("msg"),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [block],
        "stop_reason": "tool_use" if call else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    return (
        _events(_message_events(message, block), named=True)
        if body.get("stream")
        else _json(message)
    )


def _message_events(message: Body, block: Body) -> list[Mapping[str, object]]:
    """Spread a message with one block over the events of a stream."""
    if block["type"] == "text":
        start, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        start = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    begun = {**message, "content": [], "stop_reason": None}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    return [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]


# --- OpenAI Responses: Codex ---------------------------------------------------------------------


def _responses_results(body: Body) -> int:
    kinds = (item.get("type", "") for item in body["input"])
    return sum(kind.endswith("_call_output") for kind in kinds)


def _responses_reply(body: Body, call: ToolCall | None) -> Reply:
    item: dict[str, object] = {
        "type": "message",
        "role": "assistant",
        "id": _number("m"),
        "content": [{"type": "output_text", "text": LAST_WORD}],
    }
    if call:
        item = {
            "type": "function_call",
            "id": _number("fc"),
            "call_id": _number("call"),
            "name": call.tool,
            "arguments": json.dumps(call.input),
        }
    response = {"id": _number("resp")}
    tokens = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    usage = {**tokens, "input_tokens_details": None, "output_tokens_details": None}
    events: list[Mapping[str, object]] = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {**response, "usage": usage}},
    ]
    return _events(events, named=True)


# --- chat completions: Qwen Code, Copilot CLI, opencode ------------------------------------------


def _chat_tools(body: Body) -> Iterator[str]:
    yield from (each["function"]["name"] for each in body.get("tools") or ())


def _chat_results(body: Body) -> int:
    return sum(each["role"] == "tool" for each in body["messages"])


def _chat_reply(body: Body, call: ToolCall | None) -> Reply:
    message: dict[str, object] = {"role": "assistant", "content": LAST_WORD}
    if call:
        function = {"name": call.tool, "arguments": json.dumps(call.input)}
        asked = {"index": 0, "id": _number("call"), "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [asked]}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    head = {"id": _number("chat"), "created": 1, "model": body["model"]}
    end = "tool_calls" if call else "stop"
    if not body.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": end}
        return _json({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    head["object"] = "chat.completion.chunk"
    chunks = [
        {**head, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": end}]},
        {**head, "choices": [], "usage": usage},
    ]
    streamed = _events(chunks, named=False)
    return Reply(streamed.kind, f"{streamed.text}data: [DONE]\n\n")


# --- Gemini --------------------------------------------------------------------------------------


def _gemini_tools(body: Body) -> Iterator[str]:
    for each in body.get("tools") or ():
        yield from (function["name"] for function in each.get("functionDeclarations", ()))


def _gemini_results(body: Body) -> int:
    parts = (part for each in body["contents"] for part in each.get("parts", ()))
    return sum("functionResponse" in part for part in parts)


def _gemini_reply(body: Body, call: ToolCall | None) -> Reply:
    part: dict[str, object] = {"text": LAST_WORD}
    if call:
        part = {"functionCall": {"name": call.tool, "args": dict(call.input)}}
    elif (body.get("generationConfig") or {}).get("responseMimeType") == "application/json":
        part = {"text": json.dumps(_JSON_ANSWER)}
    content = {"role": "model", "parts": [part]}
    tokens = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    candidate = {"content": content, "finishReason": "STOP", "index": 0}
    return _json({"candidates": [candidate], "usageMetadata": tokens, "modelVersion": "mock"})


def _gemini_stream(body: Body, call: ToolCall | None) -> Reply:
    return _events([json.loads(_gemini_reply(body, call).text)], named=False)


def _named_tools(body: Body) -> Iterator[str]:
    yield from (each.get("name", "") for each in body.get("tools") or ())


DIALECTS = (
    Dialect(
        name="Anthropic Messages",
        is_at=lambda path: path.endswith("/messages"),
        tools=_named_tools,
        results=_messages_results,
        reply=_messages_reply,
    ),
    Dialect(
        name="OpenAI Responses",
        is_at=lambda path: path.endswith("/responses"),
        tools=_named_tools,
        results=_responses_results,
        reply=_responses_reply,
    ),
    Dialect(
        name="chat completions",
        is_at=lambda path: path.endswith("/chat/completions"),
        tools=_chat_tools,
        results=_chat_results,
        reply=_chat_reply,
    ),
    Dialect(
        name="Gemini",
        is_at=lambda path: path.endswith(":generateContent"),
        tools=_gemini_tools,
        results=_gemini_results,
        reply=_gemini_reply,
    ),
    Dialect(
        name="Gemini, streamed",
        is_at=lambda path: path.endswith(":streamGenerateContent"),
        tools=_gemini_tools,
        results=_gemini_results,
        reply=_gemini_stream,
    ),
)


def dialect_at(path: str) -> Dialect | None:
    """Tell which API a path, without its query, belongs to."""
    return next((each for each in DIALECTS if each.is_at(path)), None)
