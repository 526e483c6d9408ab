"""Each tool against a real daemon, in both eras of the protocol: `reading`, `writing`, `tools`."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest
from mcp import Client
from mcp.types import Tool

from styxy.client.agents.mcp.tools import WRITING
from tests.client.agents.mcp.conversation import (
    ask,
    in_both_eras,
    ports_of,
    project,
    refused,
    talk,
)
from tests.client.test_sharing import server_on
from tests.commands import CommandLine
from tests.fakes import free_port

pytestmark = pytest.mark.slow

READING = ("check", "who", "list", "suggest", "wait", "status", "daemon_log", "config", "metrics")


async def offered(client: Client) -> dict[str, Tool]:
    return {tool.name: tool for tool in (await client.list_tools()).tools}


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """A project to work in."""
    return project(tmp_path, "shop")


@in_both_eras
def test_every_tool_says_what_it_takes_gives_and_does(attached: CommandLine, mode: str) -> None:
    tools = talk(attached, offered, "--allow-write", mode=mode)
    assert tuple(tools) == READING + WRITING
    for tool in tools.values():
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (tool.name in READING)
        assert (tool.annotations.destructive_hint is None) is (tool.name in READING)
        assert tool.annotations.open_world_hint is False
        assert tool.output_schema is not None
        assert tool.output_schema["type"] == "object"
        assert tool.output_schema["required"]
        assert "roots" not in tool.input_schema["properties"]
        assert tool.description
        assert "\n" not in tool.description
        assert len(tool.description) < 300


@in_both_eras
def test_what_each_reading_tool_gives_fits_its_schema(
    attached: CommandLine, mode: str, work_dir: Path
) -> None:
    async def work(client: Client) -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            port = server.getsockname()[1]
            checked = await ask(client, "check", port=port)
            assert (checked["available"], checked["system_usage"]["pid"]) == (False, os.getpid())
            who = await ask(client, "who", port=port)
            assert [each["pid"] for each in who["servers"]] == [os.getpid()]
            waited = await ask(client, "wait", port=port)
            assert (waited["up"], waited["answers_at"]) == (True, port)
            assert (await ask(client, "wait", port=port, own=True, timeout=0))["up"] is False
        suggested = await ask(client, "suggest", service_type="test", count=2)
        assert len(suggested["suggestions"]) == 2
        assert ports_of(await ask(client, "list", service_type="test", project=".")) == []
        assert (await ask(client, "status"))["pid"] == attached.daemon_pid()
        log = await ask(client, "daemon_log", lines=1)
        assert log["log"] == str(attached.home / "logs" / "daemon.log")
        assert len(log["lines"]) == 1
        configuration = await ask(client, "config")
        assert configuration["listen_port"] == attached.port
        everything = await ask(client, "metrics")
        some = await ask(client, "metrics", name="leases")
        assert 0 < len(some["metrics"]) < len(everything["metrics"])
        assert all("leases" in each["name"] for each in some["metrics"])

    talk(attached, work, mode=mode, cwd=work_dir)


@in_both_eras
def test_what_each_writing_tool_gives_fits_its_schema(
    styxy: CommandLine, mode: str, work_dir: Path
) -> None:
    async def work(client: Client) -> None:
        planned = await ask(client, "allocate", service_type="test", dry_run=True)
        assert planned["dry_run"] is True
        web = await ask(client, "allocate", service_type="test", name="web")
        assert web["project_path"] == str(work_dir)
        again = await ask(client, "allocate", service_type="test", name="web")
        assert (again["port"], again["existing"]) == (web["port"], True)
        api = await ask(client, "allocate", service_type="test", name="api")
        who = await ask(client, "who", port=api["port"])
        assert who["lease"]["service_name"] == "api"
        assert (await ask(client, "release", port=api["port"]))["lock_id"] == api["lock_id"]
        assert ports_of(await ask(client, "list", project=".")) == [web["port"]]
        assert (await ask(client, "cleanup"))["cleaned"] == 0
        cleaned = await ask(client, "cleanup", unused=True)
        assert [each["port"] for each in cleaned["released"]] == [web["port"]]
        other = await ask(client, "allocate", service_type="test")
        assert (await ask(client, "release", lock_id=other["lock_id"]))["port"] == other["port"]
        made = await ask(client, "allocate", service_type="tset", yes=True)
        assert made["auto_allocated"] is True

    talk(styxy, work, "--allow-write", mode=mode, cwd=work_dir)


@pytest.mark.slow
def test_two_projects_at_once_get_ports_of_their_own(attached: CommandLine, tmp_path: Path) -> None:
    one, two = project(tmp_path, "one"), project(tmp_path, "two")
    ports: dict[Path, int] = {}

    async def in_one(client: Client) -> None:
        leased = await ask(client, "allocate", service_type="test", name="web")
        ports[one] = leased["port"]
        await asyncio.to_thread(lambda: talk(attached, in_two, "--allow-write", cwd=two))
        # What the other server had leased ended with it.
        assert ports_of(await ask(client, "list")) == [ports[one]]

    async def in_two(client: Client) -> None:
        leased = await ask(client, "allocate", service_type="test", name="web")
        ports[two] = leased["port"]
        assert sorted(ports_of(await ask(client, "list"))) == sorted(ports.values())
        assert ports_of(await ask(client, "list", project=".")) == [ports[two]]
        assert ports_of(await ask(client, "list", project=str(one))) == [ports[one]]

    talk(attached, in_one, "--allow-write", cwd=one)
    assert len(set(ports.values())) == 2


@pytest.mark.slow
def test_a_path_that_is_not_utf8_harms_no_answer(attached: CommandLine, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    odd.mkdir()
    (odd / "package.json").write_text("{}")

    async def work(client: Client) -> None:
        leased = await ask(client, "allocate", service_type="test")
        assert leased["project_path"].endswith("/caf?")

    talk(attached, work, "--allow-write", cwd=odd)


@in_both_eras
def test_a_server_of_this_project_is_stopped_and_no_other(
    attached: CommandLine, mode: str, tmp_path: Path
) -> None:
    here, there = project(tmp_path, "here"), project(tmp_path, "there")
    own, foreign, free = free_port(), free_port(), free_port()

    async def work(client: Client) -> None:
        with server_on(own, here) as pid, server_on(foreign, there):
            stopped = await ask(client, "stop", port=own)
            assert [each["pid"] for each in stopped["stopped"]] == [pid]
            assert (stopped["stopped"][0]["ended"], stopped["refused"]) == ([pid], [])
            assert (await ask(client, "check", port=own))["available"] is True
            words = await refused(client, "stop", port=foreign)
            assert f"belongs to another project ({there})" in words
            assert words.endswith("styxy run -- CMD")
            assert (await ask(client, "check", port=foreign))["available"] is False
        assert str(free) in await refused(client, "stop", port=free)

    talk(attached, work, "--allow-write", mode=mode, cwd=here)


@pytest.mark.slow
def test_a_lease_names_the_agent_session_that_asks(styxy: CommandLine, work_dir: Path) -> None:
    styxy.env["CLAUDE_CODE_SESSION_ID"] = "1a224700"

    async def instance(client: Client) -> str:
        return str((await ask(client, "allocate", service_type="test"))["instance_id"])

    assert talk(styxy, instance, "--allow-write", cwd=work_dir) == "claude-1a224700"
    styxy.env["STYXY_INSTANCE_ID"] = "agent-1"
    assert talk(styxy, instance, "--allow-write", cwd=work_dir) == "agent-1"
