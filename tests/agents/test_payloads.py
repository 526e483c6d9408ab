"""Every recorded payload of every agent against a real daemon, and what is no payload at all.

What the daemon answers is what a hook prints, so it must be empty or an answer that the agent
accepts, whatever came in. `tests.agents.protocols` says what each accepts.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agents.protocols import FIELDS, MANNERS, faults, field
from tests.agents.recordings import PAYLOADS, Payload, payloads_of
from tests.daemon import LONGEST, Daemon

SERVER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""

ODD_VALUES: tuple[object, ...] = (None, -1, "\0\ud800", {"command": 7})

ONE_OF_EACH = list({(each.agent, each.event): each for each in PAYLOADS}.values())
"""One payload of each event of each agent."""

SESSION_STARTS = ("sessionstart", "session.created")

JUNK = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"go"',
    "half an object": b'{"session_id": "1", "cwd"',
    "no text": bytes(range(256)),
    "UTF-16": '{"cwd": "/"}'.encode("utf-16"),
    "a deep list": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "a number that nobody can hold": b'{"timestamp": 1' + b"0" * 10_000 + b"}",
    "a megabyte": json.dumps({"cwd": "/", "prompt": "x" * 1_000_000}).encode(),
    "ten megabytes": json.dumps({"cwd": "/", "prompt": "x" * 10_000_000}).encode(),
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Give a daemon; a traceback in its log fails the last test that used it."""
    with Daemon(tmp_path_factory.mktemp("hooks") / "home") as running:
        yield running


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Give the project that the agent works in."""
    return new_project(tmp_path / "ours")


@pytest.fixture
def foreign_port(tmp_path: Path) -> Iterator[int]:
    """Give a port on which a server of another project listens.

    A shell starts it and ends, so that it is no child of the process that the hooks come from: an
    agent's children are its own, whatever their project is.
    """
    theirs = new_project(tmp_path / "theirs")
    line = f"exec 3<&0; {shlex.join([sys.executable, '-c', SERVER])} <&3 &"
    with subprocess.Popen(
        ["sh", "-c", line], cwd=theirs, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as shell:
        assert shell.stdout is not None
        port = int(shell.stdout.readline())
        assert shell.wait(LONGEST) == 0
        yield port
        with socket.create_connection(("127.0.0.1", port)):
            pass  # it lives


def new_project(path: Path) -> Path:
    """Make a directory that is a project by its manifest."""
    path.mkdir()
    (path / "package.json").write_text("{}")
    return path


def post(daemon: Daemon, agent: str, event: str, body: str | bytes) -> tuple[int, bytes]:
    """Do what a hook does: hand a payload over, and take what is to be printed."""
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    with contextlib.closing(daemon.connect()) as connection:
        kind = {"content-type": "application/json"}
        # The daemon refuses what is too large before it has read all of it.
        with contextlib.suppress(BrokenPipeError):
            connection.request("POST", f"/hooks/{agent}/{event}", raw, kind)
        response = connection.getresponse()
        return response.status, response.read()


def answer_to(daemon: Daemon, agent: str, event: str, body: str | bytes) -> bytes:
    """Return what a hook prints: the answer, or nothing where the daemon refuses one."""
    status, answer = post(daemon, agent, event, body)
    assert status < 500, answer
    return answer if status == 200 else b""


def with_command(document: dict[str, Any], command: str) -> str:
    """Put another command line into a payload of a shell tool."""
    (arguments,) = (
        document[name] for name in ("toolArgs", "tool_input", "args") if name in document
    )
    arguments["command"] = command
    return json.dumps(document)


TOLD_APART = [each for each in PAYLOADS if each.agent != "opencode"]
"""What `auto` recognises: opencode's plugin is ours and names itself."""


@pytest.mark.parametrize("payload", PAYLOADS, ids=str)
def test_a_recorded_payload_is_answered_as_its_agent_allows(
    daemon: Daemon, payload: Payload
) -> None:
    answer = answer_to(daemon, payload.agent, payload.event, payload.anew())
    assert faults(payload.agent, payload.event, answer) == []


@pytest.mark.parametrize("payload", TOLD_APART, ids=str)
def test_an_agent_that_is_not_named_is_told_by_its_payload(
    daemon: Daemon, payload: Payload
) -> None:
    named = answer_to(daemon, payload.agent, payload.event, payload.anew())
    answer = answer_to(daemon, "auto", payload.event, payload.anew())
    assert bool(answer) == bool(named)
    assert faults(payload.agent, payload.event, answer) == []


@pytest.mark.parametrize("payload", ONE_OF_EACH, ids=str)
def test_a_payload_may_begin_with_a_byte_order_mark(daemon: Daemon, payload: Payload) -> None:
    plain = answer_to(daemon, payload.agent, payload.event, payload.anew())
    marked = answer_to(daemon, payload.agent, payload.event, "\ufeff" + payload.anew())
    assert bool(plain) == bool(marked)
    assert faults(payload.agent, payload.event, marked) == []


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        *((each, each) for each in MANNERS),
        *((each, "auto") for each in MANNERS if each != "opencode"),
    ],
)
def test_a_kill_of_a_foreign_server_is_denied(
    daemon: Daemon, agent: str, name: str, ours: Path, foreign_port: int
) -> None:
    manner = MANNERS[agent]
    payload = payloads_of(agent, manner.before)[0].anew(project=ours)
    body = with_command(json.loads(payload), f"kill -9 $(lsof -ti:{foreign_port})")
    answer = answer_to(daemon, name, manner.before, body)
    assert faults(agent, manner.before, answer) == []
    document = json.loads(answer)
    if manner.decision is not None:
        assert field(document, manner.decision) == "deny"
    reason = str(field(document, manner.reason))
    assert str(foreign_port) in reason
    assert "theirs" in reason


@pytest.mark.parametrize("agent", MANNERS)
def test_a_server_that_failed_on_a_taken_port_is_explained(
    daemon: Daemon, agent: str, ours: Path, foreign_port: int
) -> None:
    manner = MANNERS[agent]
    payload = next(each for each in payloads_of(agent, manner.after) if "EADDRINUSE" in each.text)
    document = json.loads(payload.anew(project=ours, port=foreign_port))
    # Codex tells no exit status, so its word is taken for a command that serves and no other.
    body = with_command(document, f"node server.js --port {foreign_port}")
    answer = answer_to(daemon, agent, manner.after, body)
    assert faults(agent, manner.after, answer) == []
    context = str(field(json.loads(answer), manner.context))
    assert str(foreign_port) in context
    assert "theirs" in context


@pytest.mark.parametrize("agent", FIELDS)
def test_a_session_that_starts_is_told_what_styxy_is(
    daemon: Daemon, agent: str, ours: Path
) -> None:
    event = next(each for each in FIELDS[agent] if each.lower() in SESSION_STARTS)
    (payload,) = payloads_of(agent, event)
    answer = answer_to(daemon, agent, event, payload.anew(project=ours))
    assert faults(agent, event, answer) == []
    assert b"styxy" in answer


@pytest.mark.parametrize("agent", FIELDS)
def test_a_harmless_command_is_answered_with_nothing(
    daemon: Daemon, agent: str, ours: Path
) -> None:
    payload = payloads_of(agent, MANNERS[agent].before)[0].anew(project=ours)
    body = with_command(json.loads(payload), "grep -r EADDRINUSE src; kill -0 1")
    assert answer_to(daemon, agent, MANNERS[agent].before, body) == b""


@pytest.mark.parametrize("payload", ONE_OF_EACH, ids=str)
def test_a_payload_with_odd_values_is_answered_as_its_agent_allows(
    daemon: Daemon, payload: Payload
) -> None:
    for text in oddities(payload):
        answer = answer_to(daemon, payload.agent, payload.event, text)
        assert faults(payload.agent, payload.event, answer) == [], text


def oddities(payload: Payload) -> Iterator[str]:
    """Yield the payload with each of its values replaced."""
    document = json.loads(payload.anew())
    for name in document:
        for odd in ODD_VALUES:
            yield json.dumps({**document, name: odd})


@pytest.mark.parametrize("agent", [*FIELDS, "auto"])
@pytest.mark.parametrize("junk", JUNK)
def test_what_is_no_payload_is_answered_with_nothing(daemon: Daemon, agent: str, junk: str) -> None:
    for event in ("PreToolUse", "preToolUse", "BeforeTool", "tool.execute.before"):
        assert answer_to(daemon, agent, event, JUNK[junk]) == b""


@pytest.mark.parametrize("agent", [*FIELDS, "auto"])
def test_an_event_that_nobody_knows_is_answered_with_nothing(daemon: Daemon, agent: str) -> None:
    for event in ("", "Nonsense", "PRETOOLUSE", "%00", "..", "x" * 5000):
        assert answer_to(daemon, agent, event, PAYLOADS[0].anew()) == b""


def test_an_agent_that_nobody_knows_is_answered_with_nothing(daemon: Daemon) -> None:
    for agent in ("emacs", "%2e%2e", "CLAUDE", "x" * 5000):
        assert answer_to(daemon, agent, "PreToolUse", PAYLOADS[0].anew()) == b""


@pytest.mark.parametrize("agent", FIELDS)
def test_the_table_of_answers_covers_what_was_recorded(agent: str) -> None:
    recorded = {each.event for each in PAYLOADS if each.agent == agent}
    assert recorded >= {MANNERS[agent].before, MANNERS[agent].after}
    assert recorded & FIELDS[agent].keys()
