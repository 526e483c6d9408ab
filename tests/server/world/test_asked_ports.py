"""What was asked for, as the port map shows it: where siblings answer, and who asked for what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from styxy.adapters.kernel import ephemeral_ports
from styxy.adapters.portmap.layout import ASKER, ASKERS_AT, FIRST, FIRST_ASKERS_AT, PLACE
from styxy.core.decisions.asked_ports import decide_asked
from styxy.core.model.ports import Port
from styxy.server.world.listeners import GuestReport
from tests.fakes import free_port
from tests.server.world.test_port_map_sync import HERE, MapHarness, asked_by, listening

REPO = 77


class AskedHarness(MapHarness):
    """The same, on a machine whose kernel has its ephemeral ports."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked_ports = asked_by(self.desk, ephemeral=ephemeral_ports())
        self.port_map_sync = self.sync()

    def look(self) -> None:
        super().look()
        self.commit(decide_asked(self.desk, self.asked_ports.new, now=self.now).events)
        self.asked_ports.clear()

    def report(self, cookie: int, port: int, *, asked: int | None) -> None:
        """Let a guest report what it bound."""
        said = GuestReport(
            image_id="0" * 16, project=HERE, repo=REPO, service_type=None,
            asked=None if asked is None else Port(asked),
        )  # fmt: skip
        self.listeners.add_report(cookie, holder=self.me, report=said, transport="tcp")
        self.port_map_sync.invalidate(Port(port))

    def askers(self, port: int) -> list[int]:
        """Read who has asked for a port."""
        raw, found = self.path.read_bytes(), []
        (slot,) = FIRST.unpack_from(raw, FIRST_ASKERS_AT + port * FIRST.size)
        while slot:
            asker, _, _, slot = ASKER.unpack_from(raw, ASKERS_AT + (slot - 1) * ASKER.size)
            found.append(asker)
        return found


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AskedHarness]:
    made = AskedHarness(tmp_path / "ports.map")
    yield made
    made.close()


def test_a_port_that_the_kernel_chose_was_asked_for_by_nobody(harness: AskedHarness) -> None:
    with listening("127.0.0.1") as (port, _):
        harness.look()
        assert harness.answer(4, port)[3] == PLACE
        assert harness.askers(port) == []


def test_a_server_outside_of_styxy_has_asked_for_its_port(harness: AskedHarness) -> None:
    with listening("127.0.0.1", free_port(range(3000, 3100))) as (port, _):
        harness.look()
        assert harness.answer(4, port)[3] == 0
        assert harness.askers(port) == [REPO]


@pytest.mark.parametrize("asked", [True, False])
def test_a_guest_knows_what_it_asked_for(harness: AskedHarness, asked: bool) -> None:
    with listening("127.0.0.1") as (port, cookie):
        harness.look()
        harness.report(cookie, port, asked=port if asked else None)
        harness.look()
        assert harness.answer(4, port)[3] == (0 if asked else PLACE)
        assert harness.askers(port) == ([REPO] if asked else [])


def test_a_moved_server_sits_at_a_place_until_somebody_of_its_repo_asks_for_it(
    harness: AskedHarness,
) -> None:
    port = harness.move(8000)
    with listening("127.0.0.1", port) as (_, cookie):
        harness.report(cookie, port, asked=8000)
        harness.look()
        assert harness.answer(4, port)[3] == PLACE
        assert (harness.askers(8000), harness.askers(port)) == ([REPO], [])
        harness.commit(decide_asked(harness.desk, [(REPO + 1, port)], now=harness.now).events)
        assert harness.answer(4, port)[3] == PLACE
        harness.commit(decide_asked(harness.desk, [(REPO, port)], now=harness.now).events)
        assert harness.answer(4, port)[3] == 0


def test_what_was_asked_for_is_shown_from_the_beginning(harness: AskedHarness) -> None:
    for event in decide_asked(harness.desk, [(REPO, Port(3000))], now=0.0).events:
        harness.desk.apply(event)
    harness.port_map_sync.begin()
    assert harness.askers(3000) == [REPO]


def test_a_question_is_noted_for_the_repo_and_without_one_for_the_project(
    harness: AskedHarness,
) -> None:
    harness.asked_ports.ask(HERE, Port(3000))
    harness.asked_ports.ask("/elsewhere", Port(3001))
    harness.asked_ports.ask(None, Port(3002))
    (repo, first), (project, second) = harness.asked_ports.new
    assert (repo, first, second) == (REPO, 3000, 3001)
    assert project not in (0, REPO)
    harness.commit(decide_asked(harness.desk, harness.asked_ports.new, now=0.0).events)
    assert harness.asked_ports.asked_by(HERE) == {3000}
    assert harness.asked_ports.asked_by("/elsewhere") == {3001}
    assert harness.asked_ports.asked_by(None) == frozenset()
