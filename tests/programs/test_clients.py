"""Each client, each conflict: `localhost` is its own project's server, elsewhere the real one."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import COMMAND
from tests.programs.catalogue import CLIENT_CASES, program
from tests.programs.conflicts import KINDS, WORDS, Contest, contest
from tests.programs.http_probe import wait_until
from tests.programs.installation import Installation
from tests.programs.program import Program
from tests.programs.program_list import Found, ProgramList
from tests.programs.running import running
from tests.programs.test_conflicts import wait_moved

pytestmark = pytest.mark.real


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client ended with."""

    status: int
    text: str
    complaints: str


def ask(installation: Installation, client: Program, port: int, *, cwd: Path) -> Answer:
    """Run a client to its end in a project."""
    client.settle_in(cwd, "", port=port)
    installation.wait_awake()
    words = [*COMMAND, "run", "--", *client.command(port)]
    with running(words, cwd=cwd, env=installation.env) as asking:
        return Answer(asking.wait(), asking.stdout, asking.stderr)


def backend_of(installation: Installation, client: Program, port: int, *, cwd: Path) -> str:
    """Tell which backend a client is given in a project."""
    words = [*COMMAND, "run", "--explain", "--json", "--", *client.command(port)]
    done = subprocess.run(words, cwd=cwd, env=installation.env, capture_output=True, check=True)
    return str(json.loads(done.stdout)["backend"])


def assert_sees_the_real_one(answer: Answer, taken: Contest) -> None:
    """Prove that a client met who has the port, or nobody; not every localhost means `::1`."""
    met = answer.text.strip().splitlines()[-1:] == [WORDS]
    assert (answer.status == 0) == met, answer
    assert met or "127.0.0.1" not in taken.answers_at, answer
    assert not met or taken.answers_at, answer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENT_CASES)
def test_a_client_finds_the_server_of_its_own_project(
    client: Program,
    kind: str,
    installation: Installation,
    ours: Path,
    theirs: Path,
    tmp_path: Path,
    program_list: ProgramList,
) -> None:
    program_list.require(client, kind)
    server = program("socketserver")
    server.settle_in(ours, "our own")
    with contest(kind, server.ports, installation=installation, project=theirs) as taken:
        with installation.run(server.command(taken.port), cwd=ours) as moved:
            wait_moved(moved, taken.port, why=taken.why)
            wait_until(lambda: bool(installation.reassignments(ours)), "the move is known")
            own = ask(installation, client, taken.port, cwd=ours)
            assert (own.status, own.text.strip().splitlines()[-1:]) == (0, ["our own"]), own
            assert_sees_the_real_one(ask(installation, client, taken.port, cwd=tmp_path), taken)
            assert backend_of(installation, client, taken.port, cwd=ours) == client.backend
    program_list.record(client, kind, Found(client.backend, ()))
