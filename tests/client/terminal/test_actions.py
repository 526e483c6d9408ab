"""Stopping and releasing from the view: real servers, a real daemon, and a question first.

Also tests `feed`.
"""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.client.daemon.connection import Connection
from styxy.client.terminal.actions import Actions
from styxy.client.terminal.feed import QUIET, pause_after
from styxy.core.errors import Conflict, NotFound, Refused
from tests.client.stopped_servers import serving
from tests.client.terminal.piloted import Piloted, piloted, run
from tests.commands import LONGEST, CommandLine
from tests.daemon import Daemon
from tests.fakes import free_port

PYTHON = Path(sys.executable).name
"""What the servers of these tests are called."""


def connection_of(styxy: CommandLine) -> Connection:
    """Connect as `styxy top` does."""
    return Connection(Paths(styxy.env))


def actions(styxy: CommandLine, project: Path) -> Actions:
    """What may be done from a project."""
    return Actions(connection_of(styxy), styxy.env, project=str(project))


async def choose(view: Piloted, port: int) -> None:
    """Choose a port by filtering for it."""
    await view.until(lambda: port in view.top.facts.ports)
    await view.press("slash", *str(port), "enter")
    assert view.chosen == port


def test_an_own_server_is_stopped_after_a_yes_alone(attached: CommandLine, here: Path) -> None:
    port = free_port()

    async def work() -> None:
        with serving(port, cwd=here) as server:
            async with piloted(
                connection_of(attached), env=attached.env, project=str(here)
            ) as view:
                await choose(view, port)
                for answer in ("n", "y"):
                    assert server.poll() is None
                    await view.press("s")
                    await view.until(lambda: view.question is not None)
                    assert view.question == f"Stop {PYTHON} (pid {server.pid}) on port {port}?"
                    await view.press(answer)
                await view.until(lambda: port not in view.top.facts.ports)
                assert server.wait(LONGEST) == -signal.SIGTERM
                await view.until(lambda: bool(view.said))
                assert view.said == [f"Stopped {PYTHON} (pid {server.pid}) on port {port}"]

    run(work)


def test_whose_another_projects_server_is_stands_in_the_question(
    attached: CommandLine, here: Path, elsewhere: Path
) -> None:
    port = free_port()
    with serving(port, cwd=elsewhere) as server:
        question = actions(attached, here).ask_to_stop(port)
        assert question.is_forced
        assert question.text.startswith(
            f"{PYTHON} (pid {server.pid}) on port {port} belongs to another project ({elsewhere})"
        )
        assert question.text.endswith(
            f". Stop {PYTHON} (pid {server.pid}) on port {port} all the same?"
        )
        assert actions(attached, here).stop(question).startswith(f"Stopped {PYTHON} ")
        assert server.wait(LONGEST) == -signal.SIGTERM


def test_another_server_than_the_one_in_question_is_not_stopped(
    attached: CommandLine, here: Path
) -> None:
    port = free_port()
    with serving(port, cwd=here):
        question = actions(attached, here).ask_to_stop(port)
    with serving(port, cwd=here) as another:
        with pytest.raises(Conflict, match="another server is on port"):
            actions(attached, here).stop(question)
        assert another.poll() is None


def test_what_must_not_be_stopped_is_not_asked_about(attached: CommandLine, here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        with pytest.raises(Refused, match="in which this command runs"):
            actions(attached, here).ask_to_stop(ours.getsockname()[1])
    with pytest.raises(NotFound, match="nothing is listening"):
        actions(attached, here).ask_to_stop(free_port())


def test_a_lease_is_released_after_a_question(attached: CommandLine, here: Path) -> None:
    attached.run("allocate", "-s", "build", "-n", "web", cwd=here)
    daemon = Daemon(attached.home, port=attached.port)

    async def work() -> None:
        port = daemon.leases()[0]["port"]
        async with piloted(connection_of(attached), project=str(here)) as view:
            await choose(view, port)
            await view.press("r")
            await view.until(lambda: view.question is not None)
            assert view.question is not None
            assert view.question.startswith(f"Release port {port} (build web of ")
            await view.press("n", "r")
            assert len(daemon.leases()) == 1
            await view.press("y")
            await view.until(lambda: port not in view.top.facts.ports)
            assert daemon.leases() == []

    run(work)


def test_a_listener_and_a_lease_appear_and_go_by_themselves(attached: CommandLine) -> None:
    daemon = Daemon(attached.home, port=attached.port)

    async def work() -> None:
        async with piloted(connection_of(attached)) as view:
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
                await view.until(lambda: port in view.ports)
            await view.until(lambda: port not in view.ports)
            lease = daemon.allocate("build")
            await view.until(lambda: lease["port"] in view.ports)
            daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
            await view.until(lambda: lease["port"] not in view.ports)

    run(work)


def test_most_of_the_time_is_left_for_keys_however_much_there_is_to_draw() -> None:
    assert pause_after(0.001) == QUIET
    assert pause_after(0.5) == 1


@pytest.mark.slow
def test_it_goes_on_with_the_daemon_that_comes_after_one_that_was_killed(tmp_path: Path) -> None:
    async def work() -> None:
        with Daemon(tmp_path / "home") as daemon:
            connection = Connection(Paths({"STYXY_HOME": str(daemon.home)}))
            async with piloted(connection) as view:
                daemon.kill()
                await view.until(lambda: "the daemon has gone" in view.text)
                daemon.start()
                await view.until(lambda: "the daemon has gone" not in view.text)
                lease = daemon.allocate("build")
                await view.until(lambda: lease["port"] in view.ports)

    run(work)
