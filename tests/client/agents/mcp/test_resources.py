"""The ports on lease as resources: the project's, and everybody's."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcp import Client, MCPError

from tests.client.agents.mcp.conversation import ask, in_both_eras, ports_of, project, read, talk
from tests.commands import CommandLine


@pytest.mark.slow
@in_both_eras
def test_the_ports_on_lease_can_be_read(attached: CommandLine, mode: str, tmp_path: Path) -> None:
    one, two = project(tmp_path, "one"), project(tmp_path, "two")
    foreign = attached.json("allocate", "-s", "test", "--project", str(two))["port"]

    async def work(client: Client) -> None:
        listed = (await client.list_resources()).resources
        assert [each.uri for each in listed] == ["styxy://project/ports", "styxy://ports"]
        assert all(each.description and each.title for each in listed)
        own = (await ask(client, "allocate", service_type="test"))["port"]
        assert ports_of(await read(client, "styxy://project/ports")) == [own]
        assert set(ports_of(await read(client, "styxy://ports"))) == {foreign, own}
        with pytest.raises(MCPError, match="styxy://nothing"):
            await read(client, "styxy://nothing")

    talk(attached, work, "--allow-write", mode=mode, cwd=one)
