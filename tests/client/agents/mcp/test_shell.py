"""A tool's command has the arguments of the call, quoted for a shell, and the parser takes it."""

from __future__ import annotations

import shlex

import pytest

from styxy.client.agents.mcp.shell import help_of, in_shell
from styxy.client.agents.mcp.tools import WRITING
from styxy.client.cli.main import all_commands

CALLS: list[tuple[str, dict[str, object], str]] = [
    ("check", {"port": 3000}, "styxy check 3000"),
    ("who", {"port": 3000, "project": "/home/ada"}, "styxy who 3000"),
    ("list", {"service_type": "dev", "project": "."}, "styxy list --service dev --project ."),
    ("suggest", {"service_type": "dev", "count": 2}, "styxy suggest dev --count 2"),
    ("wait", {"port": 1, "own": True, "timeout": 5}, "styxy wait 1 --owner here --timeout 5"),
    ("wait", {"port": 1, "own": False}, "styxy wait 1"),
    ("status", {}, "styxy daemon status"),
    ("daemon_log", {"lines": 5}, "styxy daemon logs --lines 5"),
    ("config", {"unknown": 1}, "styxy config show"),
    ("metrics", {"name": "leases"}, "styxy daemon status"),
    (
        "allocate",
        {"service_type": "dev", "name": "web", "preferred_port": 3000, "yes": True},
        "styxy allocate -s dev -n web -p 3000 --yes",
    ),
    ("release", {"port": 3000}, "styxy release --port 3000"),
    ("release", {"lock_id": "0f3c", "project": "/a b"}, "styxy release 0f3c --project '/a b'"),
    ("stop", {"port": 3000, "timeout": 2.5}, "styxy stop 3000 --timeout 2.5"),
    ("cleanup", {"unused": True}, "styxy cleanup -f"),
]


@pytest.mark.parametrize(("tool", "arguments", "command"), CALLS)
def test_a_call_is_spelled_as_a_command_that_exists(
    tool: str, arguments: dict[str, object], command: str
) -> None:
    assert in_shell(tool, arguments) == command
    known = {each.name: each for each in all_commands()}
    words = shlex.split(command)[1:]
    name = max((each for each in known if words[: each.count(" ") + 1] == each.split()), key=len)
    known[name].parser().read(words[name.count(" ") + 1 :])
    assert help_of(tool) == f"styxy {name} --help"


def test_every_tool_that_writes_has_a_command() -> None:
    assert {tool for tool, _, _ in CALLS} >= set(WRITING)
