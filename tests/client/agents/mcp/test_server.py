"""The server as a process: what it offers, what it needs, and how it ends with what it leased."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

import styxy as package
from tests.client.agents.mcp.conversation import (
    ask,
    in_both_eras,
    ports_of,
    project,
    refused,
    talk,
)
from tests.client.test_sharing import server_on
from tests.commands import COMMAND, LONGEST, CommandLine
from tests.fakes import free_port

Server = subprocess.Popen[str]

OPENING = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


# --- the two ways to serve -----------------------------------------------------------------------


@in_both_eras
def test_it_speaks_both_eras_and_introduces_itself(attached: CommandLine, mode: str) -> None:
    async def work(client: Client) -> tuple[str, str, str]:
        version = client.protocol_version
        assert client.server_info is not None
        return version, client.server_info.name, client.instructions or ""

    version, name, instructions = talk(attached, work, mode=mode)
    assert version == {"legacy": "2025-11-25", "auto": "2026-07-28"}[mode]
    assert name == "styxy"
    assert instructions.endswith("styxy allocate -s dev -n NAME")
    assert "leases end with this session" in talk(attached, work, "--allow-write", mode=mode)[2]


@in_both_eras
def test_a_server_that_only_reads_offers_no_tool_that_writes_and_says_what_to_run(
    attached: CommandLine, mode: str
) -> None:
    async def work(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert all(each.annotations and each.annotations.read_only_hint for each in tools)
        words = await refused(client, "allocate", service_type="dev", name="web")
        assert "styxy mcp --allow-write" in words
        assert words.endswith("in a shell: styxy allocate -s dev -n web")
        assert (await refused(client, "cleanup", unused=True)).endswith("styxy cleanup -f")

    talk(attached, work, mode=mode)
    assert attached.json("list") == {"allocations": []}


@pytest.mark.slow
def test_an_environment_with_little_in_it_is_enough(tmp_path: Path) -> None:
    home = tmp_path / "ada"
    home.mkdir()
    line = CommandLine(home / ".styxy")
    # What Codex gives to a server: no XDG_RUNTIME_DIR, and nothing of Styxy's.
    line.env = {"HOME": str(home), "PATH": line.env["PATH"], "PWD": str(home)}
    try:
        line.run("config", "set", "listen-port", str(free_port()))

        async def work(client: Client) -> int:
            return int((await ask(client, "status"))["pid"])

        assert talk(line, work, cwd=home) == line.daemon_pid()
        with_a_directory = {**line.env, "XDG_RUNTIME_DIR": str(tmp_path)}
        line.env = with_a_directory
        assert line.json("daemon", "status")["pid"] == line.daemon_pid()
    finally:
        line.kill_daemon()


# --- what it needs -------------------------------------------------------------------------------


def test_without_the_sdk_one_sentence_says_how_to_get_it(tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(Path(package.__file__).parent.parent), "HOME": str(tmp_path)}
    # -S: nothing that pip has installed can be imported.
    command = [sys.executable, "-S", "-P", "-m", "styxy", "mcp"]
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "styxy: styxy mcp needs the MCP SDK 2; install it with: "
        f"{sys.executable} -m pip install 'styxy[mcp]'\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_stream_is_said(styxy: CommandLine, closed: str) -> None:
    line = f"{shlex.join(COMMAND)} mcp {closed}"
    done = subprocess.run(
        ["sh", "-c", line], env=styxy.env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("styxy: styxy mcp needs standard input and output; ")
    assert done.stderr.endswith("claude mcp add styxy -- styxy mcp\n")


@pytest.mark.parametrize("words", [["--help"], ["mcp", "--help"], ["check", "--help"]])
def test_no_other_command_pays_for_the_sdk(words: list[str], tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    command = [sys.executable, "-X", "importtime", *COMMAND[1:], *words]
    done = subprocess.run(command, env=line.env, capture_output=True, text=True, check=True)
    loaded = {row.rpartition("|")[2].strip() for row in done.stderr.splitlines()}
    assert "styxy.client.cli.main" in loaded
    assert {name.partition(".")[0] for name in loaded} & {"mcp", "pydantic", "asyncio"} == set()


# --- how it ends ---------------------------------------------------------------------------------


def send(server: Server, **message: object) -> None:
    assert server.stdin is not None
    server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    server.stdin.flush()


def exchange(server: Server, number: int, method: str, **params: object) -> dict[str, Any]:
    """Send a request and read its answer."""
    send(server, id=number, method=method, params=params)
    assert server.stdout is not None
    answer = json.loads(server.stdout.readline())
    assert answer["id"] == number
    assert isinstance(answer["result"], dict)
    return answer["result"]


@contextmanager
def serving(styxy: CommandLine, directory: Path) -> Iterator[Server]:
    """Run a server that has opened a conversation."""
    with styxy.start("mcp", "--allow-write", cwd=directory, stdin=subprocess.PIPE) as server:
        try:
            exchange(server, 1, "initialize", **OPENING)
            send(server, method="notifications/initialized")
            yield server
        finally:
            server.kill()


def leased_by(server: Server) -> int:
    """Lease a port."""
    asked = {"name": "allocate", "arguments": {"service_type": "test", "name": "web"}}
    answer = exchange(server, 2, "tools/call", **asked)["structuredContent"]
    assert answer["pid"] == server.pid
    return int(answer["port"])


def event_of(styxy: CommandLine, word: str, port: int) -> dict[str, Any]:
    """Follow the audit to the event of a port."""
    with styxy.start("audit", "-f", "--json") as audit:
        assert audit.stdout is not None
        for line in audit.stdout:
            event = json.loads(line)
            if (event["event"], event.get("port")) == (word, port):
                audit.kill()
                assert isinstance(event, dict)
                return event
    raise AssertionError("the audit has ended")


def test_closed_input_ends_it_and_its_leases(attached: CommandLine, tmp_path: Path) -> None:
    with serving(attached, project(tmp_path, "shop")) as server:
        port = leased_by(server)
        assert ports_of(attached.json("list")) == [port]
        out, err = server.communicate(timeout=LONGEST)
        assert (server.returncode, out, err) == (0, "", "")
        assert attached.json("list") == {"allocations": []}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_its_leases(
    attached: CommandLine, tmp_path: Path, number: signal.Signals
) -> None:
    with serving(attached, project(tmp_path, "shop")) as server:
        leased_by(server)
        server.send_signal(number)
        assert server.wait(LONGEST) == 128 + number
        assert attached.json("list") == {"allocations": []}
        assert server.stderr is not None
        assert server.stderr.read() == ""


def test_a_killed_server_keeps_no_lease(styxy: CommandLine, tmp_path: Path) -> None:
    with serving(styxy, project(tmp_path, "shop")) as server:
        port = leased_by(server)
        server.kill()
        server.wait(LONGEST)
        assert event_of(styxy, "released", port)["reason"] == "holder died"
        assert styxy.json("list") == {"allocations": []}


@pytest.mark.slow
def test_a_client_that_hangs_up_in_between_is_no_failure(
    attached: CommandLine, tmp_path: Path
) -> None:
    with serving(attached, project(tmp_path, "shop")) as server:
        leased_by(server)
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        server.stdout.close()
        send(server, id=3, method="tools/call", params={"name": "status", "arguments": {}})
        server.stdin.close()
        assert server.wait(LONGEST) == 0
        assert server.stderr.read() == ""
        assert attached.json("list") == {"allocations": []}


@pytest.mark.slow
def test_what_is_no_message_harms_nobody(attached: CommandLine, tmp_path: Path) -> None:
    with serving(attached, tmp_path) as server:
        assert server.stdin is not None
        server.stdin.write("no json\n\n{}\n[1]\n")
        assert exchange(server, 2, "ping") == {}
        out, err = server.communicate(timeout=LONGEST)
        assert (server.returncode, out, err) == (0, "", "")


@pytest.mark.slow
def test_a_wait_does_not_outlive_its_client(attached: CommandLine, tmp_path: Path) -> None:
    with serving(attached, tmp_path) as server:
        asked = {"name": "wait", "arguments": {"port": free_port(), "timeout": 600}}
        send(server, id=2, method="tools/call", params=asked)
        # Answered while the other call still waits.
        assert exchange(server, 3, "tools/call", name="status", arguments={})["isError"] is False
        assert server.stdin is not None
        server.stdin.close()
        assert server.wait(LONGEST) == 0


@pytest.mark.slow
@pytest.mark.parametrize("is_killed", [False, True])
def test_a_server_that_runs_keeps_its_port(
    styxy: CommandLine, tmp_path: Path, is_killed: bool
) -> None:
    shop = project(tmp_path, "shop")
    with serving(styxy, shop) as server:
        port = leased_by(server)
        with server_on(port, shop) as pid:
            if is_killed:
                server.kill()
            server.communicate(timeout=LONGEST)
            assert event_of(styxy, "passed", port)["pid"] == pid
            assert ports_of(styxy.json("list")) == [port]
