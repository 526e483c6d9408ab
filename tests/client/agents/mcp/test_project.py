"""Which project a call is about: the client's first root, else where the server runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcp import Client

from tests.client.agents.mcp.conversation import ask, in_both_eras, ports_of, project, read, talk
from tests.client.test_sharing import server_on
from tests.commands import CommandLine
from tests.fakes import free_port

pytestmark = pytest.mark.slow

PROJECT_PORTS = "styxy://project/ports"


async def project_of(client: Client, **arguments: object) -> str:
    """Give the project that a lease would be for."""
    planned = await ask(client, "allocate", service_type="test", dry_run=True, **arguments)
    assert isinstance(planned["project_path"], str)
    return planned["project_path"]


@in_both_eras
def test_the_clients_first_root_is_the_project(
    attached: CommandLine, mode: str, tmp_path: Path
) -> None:
    here, one, two = (project(tmp_path, name) for name in ("here", "one", "two with blanks"))
    (one / "src").mkdir()

    async def work(client: Client) -> None:
        assert await project_of(client) == str(one)
        leased = await ask(client, "allocate", service_type="test", name="web")
        assert ports_of(await read(client, PROJECT_PORTS)) == [leased["port"]]
        assert await project_of(client, project="..") == str(one)
        assert await project_of(client, project=str(two)) == str(two)

    roots = [tmp_path / "is gone", one / "src", two]
    talk(attached, work, "--allow-write", mode=mode, cwd=here, roots=roots)

    async def elsewhere(client: Client) -> None:
        assert await project_of(client) == str(two)
        assert ports_of(await read(client, PROJECT_PORTS)) == []

    talk(attached, elsewhere, "--allow-write", mode=mode, cwd=here, roots=[two])


@pytest.mark.slow
@in_both_eras
def test_without_roots_it_is_the_project_of_the_working_directory(
    attached: CommandLine, mode: str, tmp_path: Path
) -> None:
    here = project(tmp_path, "here")
    (here / "src").mkdir()

    async def work(client: Client) -> None:
        assert await project_of(client) == str(here)
        assert await project_of(client, project="..") == str(here)
        leased = await ask(client, "allocate", service_type="test")
        assert ports_of(await read(client, PROJECT_PORTS)) == [leased["port"]]

    talk(attached, work, "--allow-write", mode=mode, cwd=here / "src")
    talk(attached, work, "--allow-write", mode=mode, cwd=here / "src", roots=[])


@pytest.mark.slow
def test_a_project_that_the_user_named_wins_over_the_roots(
    attached: CommandLine, tmp_path: Path
) -> None:
    here, named, root = (project(tmp_path, name) for name in ("here", "named", "root"))
    attached.env["STYXY_PROJECT"] = str(named)

    async def work(client: Client) -> None:
        assert await project_of(client) == str(named)

    talk(attached, work, "--allow-write", cwd=here, roots=[root])


@pytest.mark.slow
def test_whose_a_server_is_is_told_from_the_clients_project(
    attached: CommandLine, tmp_path: Path
) -> None:
    here, root = project(tmp_path, "here"), project(tmp_path, "root")
    port = free_port()

    async def relation(client: Client) -> str:
        (server,) = (await ask(client, "who", port=port))["servers"]
        return str(server["relation"])

    async def waited(client: Client) -> bool:
        return bool((await ask(client, "wait", port=port, own=True, timeout=0))["up"])

    with server_on(port, root):
        assert talk(attached, relation, cwd=here, roots=[root]) == "own"
        assert talk(attached, relation, cwd=here) == "other"
        assert talk(attached, waited, cwd=here, roots=[root]) is True
        assert talk(attached, waited, cwd=here) is False
