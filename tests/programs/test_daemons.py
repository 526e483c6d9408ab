"""Servers that leave their terminal: they bind in one process, listen in another, and live on."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.programs.catalogue import program
from tests.programs.conflicts import contest
from tests.programs.http_probe import wait_until
from tests.programs.installation import Installation
from tests.programs.packaged_servers import NGINX
from tests.programs.program import Program
from tests.programs.program_list import ProgramList
from tests.programs.running import PATIENCE

pytestmark = pytest.mark.real

DAEMONS = (
    replace(
        program("nginx"),
        name="nginx as a daemon",
        files={"nginx.conf": NGINX.replace("daemon off;", "")},
    ),
    replace(
        program("redis-server"),
        name="redis-server as a daemon",
        words=("redis-server", "redis.conf", "--daemonize", "yes", "--pidfile", "server.pid"),
    ),
)


@pytest.mark.parametrize("kind", ["::", "promised"])
@pytest.mark.parametrize("subject", DAEMONS, ids=str)
def test_a_daemon_moves_and_holds_its_port_until_it_ends(
    subject: Program,
    kind: str,
    installation: Installation,
    ours: Path,
    theirs: Path,
    program_list: ProgramList,
) -> None:
    program_list.require(subject)
    with contest(kind, subject.ports, installation=installation, project=theirs) as taken:
        subject.settle_in(ours, "a daemon", port=taken.port)
        with installation.run(subject.command(taken.port), cwd=ours) as starter:
            assert starter.process.wait(PATIENCE) == 0
            wait_until(lambda: bool(installation.reassignments(ours)), "the move is known")
            [move] = installation.reassignments(ours)
            try:
                subject.assert_answers(move["port"], "a daemon")
                taken.assert_untouched()
                assert move["requested_port"] == taken.port
                assert [each["port"] for each in installation.leases(ours)] == [move["port"]]
            finally:
                os.kill(int((ours / "server.pid").read_text()), signal.SIGTERM)
        installation.wait_no_lease(ours)
