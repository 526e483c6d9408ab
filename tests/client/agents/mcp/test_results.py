"""What the model reads when a call fails: one sentence, with the command to run."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcp import Client, MCPError
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError

from styxy.client.agents.mcp.results import explained, printable
from styxy.core.errors import InvalidInput, NotFound, StyxyError
from tests.client.agents.mcp.conversation import (
    ask,
    in_both_eras,
    project,
    read,
    refused,
    talk,
)
from tests.commands import CommandLine

pytestmark = pytest.mark.slow


def failed(cause: Exception, kind: type[ToolError] = ToolError) -> ToolError:
    error = kind("Error executing tool check")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (NotFound("no log yet; see: styxy list"), "no log yet; see: styxy list"),
        (
            NotFound("no log yet", suggestions=["styxy daemon start -d"]),
            "no log yet; try: styxy daemon start -d",
        ),
        (InvalidInput("no such directory: 'a'"), "no such directory: 'a'; see: styxy check --help"),
    ],
)
def test_a_failure_ends_in_a_command(failure: StyxyError, sentence: str) -> None:
    assert str(explained(failed(failure), "check", {})) == sentence


def test_a_fault_of_ours_is_told_apart_and_names_the_command_that_does_the_same() -> None:
    error = explained(failed(KeyError("port"), UnexpectedToolError), "check", {"port": 3000})
    assert isinstance(error, UnexpectedToolError)
    assert str(error) == "check failed unexpectedly; in a shell: styxy check 3000"


def test_a_byte_that_is_not_utf8_becomes_a_question_mark() -> None:
    assert printable({"path": "caf\udce9"}) == '{"path":"caf?"}'


@in_both_eras
def test_what_a_model_gets_wrong_is_said_with_the_way_on(
    styxy: CommandLine, mode: str, tmp_path: Path
) -> None:
    one, two = project(tmp_path, "one"), project(tmp_path, "two")
    port = styxy.json("allocate", "-s", "test", "--project", str(one))["port"]

    async def work(client: Client) -> None:
        outside = await refused(client, "check", port=70000)
        assert outside.startswith("port: ")
        assert outside.endswith("; see: styxy check --help")
        assert "service_type: " in await refused(client, "suggest")
        unknown = await refused(client, "allocate", service_type="test", prefered_port=3000)
        assert "did you mean 'preferred_port'?" in unknown
        assert unknown.endswith("; see: styxy allocate --help")
        typo = await refused(client, "allocate", service_type="tset")
        assert "did you mean 'test'?" in typo
        assert typo.endswith("styxy allocate -s tset --yes")
        foreign = await refused(client, "release", port=port)
        assert f"of {one}" in foreign
        assert foreign.endswith(f"styxy release --port {port} --force")
        endless = await refused(client, "allocate", service_type="x" * 400_000)
        assert endless.endswith("; send less; see: styxy allocate --help")
        assert len(endless) < 200
        neither = await refused(client, "release")
        assert neither == "give port or lock_id, and not both; see: styxy release --help"
        free = await refused(client, "release", port=1)
        assert free == "port 1 is not leased; see: styxy list"
        nowhere = await refused(client, "allocate", service_type="test", project="nowhere")
        assert nowhere.startswith("no such directory: ")
        assert "did you mean 'status'?" in await refused(client, "statsu")

    talk(styxy, work, "--allow-write", mode=mode, cwd=two)


@in_both_eras
def test_without_a_daemon_each_failure_says_how_to_start_one(
    stopped: CommandLine, mode: str
) -> None:
    async def work(client: Client) -> None:
        start = "no daemon is running; start it with: styxy daemon start -d"
        for tool, arguments in (("check", {"port": 3000}), ("list", {}), ("status", {})):
            assert await refused(client, tool, **arguments) == start
        assert (await ask(client, "who", port=1))["notice"] == start
        with pytest.raises(MCPError, match="styxy daemon start -d"):
            await read(client, "styxy://ports")
        with pytest.raises(MCPError, match="styxy daemon start -d"):
            await read(client, "styxy://project/ports")

    talk(stopped, work, "--no-start", mode=mode)
