"""The real agents: which tests are left to `make agents`, and what those share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.agents.programs import AGENTS, Agent
from tests.agents.report import PAGE, SEEN, SIGHTINGS, Sightings, dump, filled, load, update
from tests.agents.workplace import Workplace, workplace
from tests.programs.program_list import PROGRAM_LIST

IS_AGENTS = os.environ.get("STYXY_AGENTS") == "1"


def pytest_configure(config: pytest.Config) -> None:
    """Start with nothing seen."""
    config.stash[SIGHTINGS] = Sightings()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the real agents to `make agents`."""
    if IS_AGENTS:
        return
    left_out = [item for item in items if item.get_closest_marker("agents")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what the agents showed."""
    sightings = session.config.stash[SIGHTINGS]
    if sightings.agents:
        seen = update(load(SEEN.read_text(encoding="utf-8")), sightings)
        SEEN.write_text(dump(seen), encoding="utf-8")
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), seen), encoding="utf-8")


@pytest.fixture(scope="module", params=AGENTS, ids=str)
def agent(request: pytest.FixtureRequest) -> Agent:
    """Give each agent in turn; one that is not installed is skipped by its name."""
    agent = request.param
    assert isinstance(agent, Agent)
    request.config.stash[PROGRAM_LIST].require(agent)
    return agent


@pytest.fixture
def sightings(request: pytest.FixtureRequest) -> Sightings:
    """Give what is written down in the end."""
    return request.config.stash[SIGHTINGS]


@pytest.fixture(scope="module")
def home(agent: Agent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """Give a home with the agent and Styxy's hooks in it."""
    with workplace(tmp_path_factory.mktemp(agent.name)) as made:
        made.install(agent)
        yield made
