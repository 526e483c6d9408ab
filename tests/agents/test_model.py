"""The model that leads the agents speaks each of the four APIs, and remembers what it was shown."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.agents.dialects import LAST_WORD, ToolCall
from tests.agents.model import Model

LONGEST = 20.0  # seconds; what takes longer hangs


def said(model: Model, path: str, body: object, **headers: str) -> str:
    """Ask as an agent does, and return the answer as it came."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    host = model.url.removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(host, timeout=LONGEST)) as connection:
        connection.request("POST", path, raw, named)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()


def events(text: str) -> list[Any]:
    """Decode the data of server-sent events."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@dataclass(frozen=True, slots=True)
class Api:
    """One API as an agent uses it: a conversation with some results, and the call in an answer."""

    path: str
    asked: Callable[[list[str]], Mapping[str, object]]
    called: Callable[[str], tuple[str, str]]


def messages(results: list[str]) -> Mapping[str, object]:
    """Anthropic's."""
    blocks = [{"type": "tool_result", "tool_use_id": "1", "content": text} for text in results]
    told = [{"role": "user", "content": "go"}, {"role": "user", "content": blocks}]
    return {"model": "m", "stream": True, "tools": [{"name": "Bash"}], "messages": told}


def messages_call(text: str) -> tuple[str, str]:
    """The tool and its input."""
    told = {each["type"]: each for each in events(text)}
    name = told["content_block_start"]["content_block"]["name"]
    return name, json.loads(told["content_block_delta"]["delta"]["partial_json"])["command"]


def responses(results: list[str]) -> Mapping[str, object]:
    """OpenAI's newer one."""
    told = [{"type": "function_call_output", "output": text} for text in results]
    return {"model": "m", "tools": [{"name": "exec_command"}], "input": told}


def responses_call(text: str) -> tuple[str, str]:
    """The tool and its input."""
    item = events(text)[1]["item"]
    return item["name"], json.loads(item["arguments"])["cmd"]


def chat(results: list[str]) -> Mapping[str, object]:
    """OpenAI's older one."""
    told = [{"role": "tool", "content": text} for text in results]
    return {
        "model": "m",
        "stream": True,
        "tools": [{"function": {"name": "bash"}}],
        "messages": told,
    }


def chat_call(text: str) -> tuple[str, str]:
    """The tool and its input."""
    function = events(text)[0]["choices"][0]["delta"]["tool_calls"][0]["function"]
    return function["name"], json.loads(function["arguments"])["command"]


def gemini(results: list[str]) -> Mapping[str, object]:
    """Google's."""
    parts = [{"functionResponse": {"response": {"output": text}}} for text in results]
    tools = [{"functionDeclarations": [{"name": "run_shell_command"}]}]
    return {"tools": tools, "contents": [{"role": "user", "parts": parts}]}


def gemini_call(text: str) -> tuple[str, str]:
    """The tool and its input."""
    function = events(text)[0]["candidates"][0]["content"]["parts"][0]["functionCall"]
    return function["name"], function["args"]["command"]


APIS = {
    "Bash": Api("/v1/messages?beta=true", messages, messages_call),
    "exec_command": Api("/v1/responses", responses, responses_call),
    "bash": Api("/v1/chat/completions", chat, chat_call),
    "run_shell_command": Api("/v1beta/models/m:streamGenerateContent?alt=sse", gemini, gemini_call),
}
"""By the name of the shell tool."""


@pytest.fixture(params=APIS)
def tool(request: pytest.FixtureRequest) -> str:
    """Give the name of a shell tool, and with it an API."""
    return str(request.param)


def test_a_script_is_followed_step_by_step(tool: str) -> None:
    api = APIS[tool]
    with Model(["echo one", lambda model: f"echo {model.saw('red')}"]) as model:
        assert api.called(said(model, api.path, api.asked([]))) == (tool, "echo one")
        assert not model.is_through
        assert api.called(said(model, api.path, api.asked(["red"]))) == (tool, "echo True")
        assert LAST_WORD in said(model, api.path, api.asked(["red", "blue"]))
        assert model.is_through


def test_a_request_repeated_gets_the_same_step(tool: str) -> None:
    api = APIS[tool]
    with Model(["echo one", "echo two"]) as model:
        calls = {api.called(said(model, api.path, api.asked([]))) for _ in range(2)}
    assert calls == {(tool, "echo one")}


def test_what_a_turn_shows_is_what_no_earlier_one_did(tool: str) -> None:
    api = APIS[tool]
    with Model(["echo one"]) as model:
        said(model, api.path, api.asked([]))
        said(model, api.path, api.asked(["a line\nand a \u2713"]))
    assert "a line\nand a \u2713" in model.shown(1)
    assert tool not in model.shown(1)


def test_a_side_question_without_tools_takes_no_step(tool: str) -> None:
    api = APIS[tool]
    with Model(["echo one"]) as model:
        assert LAST_WORD in said(model, api.path, {**api.asked([]), "tools": []})
    assert model.turns == []


def test_any_tool_can_be_called() -> None:
    with Model([ToolCall("Bash", {"command": "sleep 9", "run_in_background": True})]) as model:
        assert "run_in_background" in said(model, APIS["Bash"].path, messages([]))


def test_an_answer_may_be_asked_for_in_one_piece() -> None:
    with Model(["echo one"]) as model:
        whole = json.loads(said(model, APIS["Bash"].path, {**messages([]), "stream": False}))
        assert whole["content"][0]["input"]["command"] == "echo one"
        whole = json.loads(said(model, APIS["bash"].path, {**chat([]), "stream": False}))
        assert whole["choices"][0]["finish_reason"] == "tool_calls"
        whole = json.loads(said(model, "/v1beta/models/m:generateContent", gemini([])))
        assert "functionCall" in whole["candidates"][0]["content"]["parts"][0]


def test_a_body_may_be_compressed() -> None:
    body = gzip.compress(json.dumps(messages(["red"])).encode())
    with Model(["echo one"]) as model:
        said(model, APIS["Bash"].path, body, content_encoding="gzip")
    assert model.saw("red")


def test_a_step_that_fails_fails_the_test_and_not_the_agent() -> None:
    def fail(_: Model) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Model([fail]) as model:
        assert LAST_WORD in said(model, APIS["Bash"].path, messages([]))


def test_what_is_no_question_to_a_model_is_answered_all_the_same() -> None:
    with Model([]) as model:
        assert said(model, "/v1/telemetry", {"a": 1}) == "{}"
        assert "input_tokens" in said(model, "/v1/messages/count_tokens", {})
    assert model.asked == ["/v1/telemetry", "/v1/messages/count_tokens"]
