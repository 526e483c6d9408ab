"""Each real agent, with Styxy installed, in two projects at once against one daemon.

A model of ours leads it; what stands here is what that model saw, and what became of the servers.
Only `make agents` runs this.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.agents.dialects import ToolCall
from tests.agents.encounter import (
    AGAIN,
    ENDS,
    FAILS,
    KILLS,
    ONCE,
    RUNS,
    START,
    TAKEN,
    UNMOVED,
    Encounter,
    Side,
)
from tests.agents.features import LATER, LIMITS, MOVED, has, needs_run
from tests.agents.model import Model, Step
from tests.agents.programs import Agent
from tests.agents.report import Sightings
from tests.agents.workplace import Project, Workplace, workplace

pytestmark = [
    pytest.mark.agents,
    pytest.mark.skipif(shutil.which("lsof") is None, reason="no lsof: apt-get install lsof"),
]

NAMES = ("shop", "blog")

TAKEN_BY = "is in use by"
FAILED_ON = "is taken by"
MOVE = "✓ STYXY: "
EXPLAINED = "Ways on:"
DENIED = "Not run:"
REWRITTEN = "Styxy runs this command as:"
"""Words of what an agent is told, by which one thing is told from another."""


@pytest.fixture(scope="module")
def encounter(agent: Agent, home: Workplace) -> Encounter:
    """Give what the two sessions of an agent did and saw."""
    encounter = Encounter(agent, home, NAMES)
    encounter.run()
    return encounter


@pytest.fixture(params=range(len(NAMES)), ids=NAMES)
def side(encounter: Encounter, request: pytest.FixtureRequest) -> Side:
    """Give each of the two in turn."""
    number: int = request.param
    return encounter.sides[number]


def test_a_session_starts_and_the_model_sees_the_ports(
    agent: Agent, side: Side, sightings: Sightings
) -> None:
    with sightings.trying(agent, "ports", side.project, side.other) as seen:
        seen(side.words(START, "Styxy", f"has port {side.project.leased}"))


def test_a_server_that_runs_already_is_named(
    agent: Agent, side: Side, sightings: Sightings
) -> None:
    wanted = (RUNS, f"localhost:{side.project.port}")
    if LIMITS[agent.name].get("again") == MOVED:
        wanted = (MOVE, f"Port {side.project.port} ")
    elif LIMITS[agent.name].get("again") == LATER:  # the command has failed: it is explained
        wanted = (f"Port {side.project.port} {FAILED_ON}", f"localhost:{side.project.port}")
    with sightings.trying(agent, "again", side.project, side.other) as seen:
        seen(side.words(AGAIN, *wanted))


def test_a_taken_port_is_named_with_whose_it_is(
    agent: Agent, side: Side, sightings: Sightings
) -> None:
    wanted: tuple[str, ...] = (f"Port {side.other.port} {TAKEN_BY}", f"~/{side.other.name}")
    if LIMITS[agent.name].get("taken") == MOVED:
        wanted = (MOVE, f"Port {side.other.port} ")
    elif LIMITS[agent.name].get("taken") == LATER:
        wanted = (f"Port {side.other.port} {FAILED_ON}", f"~/{side.other.name}", EXPLAINED)
    with sightings.trying(agent, "taken", side.project, side.other) as seen:
        seen(side.words(TAKEN, *wanted))


def test_a_failed_start_is_explained(agent: Agent, side: Side, sightings: Sightings) -> None:
    with sightings.trying(agent, "failure", side.project, side.other) as seen:
        seen(side.words(FAILS, f"Port {side.other.port} ", EXPLAINED, f"~/{side.other.name}"))


def test_the_server_of_another_project_lives_and_the_model_sees_whose_it_is(
    agent: Agent, side: Side, sightings: Sightings
) -> None:
    # That it lives has been seen before the last step: both servers answer there.
    with sightings.trying(agent, "guard", side.project, side.other) as seen:
        seen(side.words(KILLS, DENIED, f"port {side.other.port}", f"~/{side.other.name}"))


def test_its_own_server_dies(
    agent: Agent, encounter: Encounter, side: Side, sightings: Sightings
) -> None:
    with sightings.trying(agent, "own", side.project, side.other):
        encounter.wait_ended(side.project)
        assert not any(DENIED in text for text in side.shown(ENDS))


def led(
    place: Workplace, agent: Agent, name: str, *script: Step, before: tuple[str, ...] = ()
) -> tuple[Model, Project, Project]:
    """Let the agent follow a script, in which {port} is where another project serves meanwhile.

    Returns the model, the agent's project, and the other one.
    """
    ours, theirs = place.project(f"{name}/shop"), place.project(f"{name}/blog")
    steps = [with_port(step, theirs.port) for step in script]
    with place.serving(theirs):
        return place.session(agent, ours, *before).run(steps), ours, theirs


def with_port(step: Step, port: int) -> Step:
    """Put a number in the place of {port}."""
    if isinstance(step, str):
        return step.replace("{port}", str(port))
    if not isinstance(step, ToolCall):
        return step
    named = {
        name: value.replace("{port}", str(port)) if isinstance(value, str) else value
        for name, value in step.input.items()
    }
    return ToolCall(step.tool, named)


def test_a_server_on_a_taken_port_is_moved(
    agent: Agent, home: Workplace, sightings: Sightings
) -> None:
    before = ("styxy", "run", "--") if needs_run(agent.name) else ()
    model, ours, theirs = led(home, agent, "moved", ONCE, before=before)
    with sightings.trying(agent, "moved", ours, theirs) as seen:
        output = model.told(1, "STYXY", "listening on", str(theirs.port))
        seen(next(line for line in output.splitlines() if "STYXY" in line))
        assert f"listening on {theirs.port}" not in output


def in_background(agent: Agent) -> tuple[Step, ...]:
    """Start a server that fails in the background, as the agent runs what it does not wait for."""
    line = UNMOVED + ONCE
    if agent.name == "claude":
        server = {"command": line, "description": "a server", "run_in_background": True}
        return ToolCall("Bash", server), "true", "true"
    if agent.name == "copilot":
        server = {"command": line, "description": "a server", "mode": "async", "shellId": "web"}
        later = {"shellId": "web", "delay": 2}
        return ToolCall("bash", server), ToolCall("read_bash", later)
    # Codex lets run on what is not over by then, and looks at it again.
    waiting = f"until [ -e over ]; do sleep 0.1; done; {line}"
    return ToolCall("exec_command", {"cmd": waiting, "yield_time_ms": 250}), look_again


def look_again(model: Model) -> ToolCall:
    """Let the waiting command of Codex go on, and wait for its end."""
    seen = re.search(r"session ID (\d+)", "\n".join(model.shown(1)))
    assert seen
    directory = re.search(r"<cwd>(.+?)</cwd>", "\n".join(model.shown(0)))
    assert directory
    Path(directory[1], "over").touch()
    polled = {"session_id": int(seen[1]), "chars": "", "yield_time_ms": 30_000}
    return ToolCall("write_stdin", polled)


def test_a_server_that_fails_in_the_background_is_explained(
    agent: Agent, home: Workplace, sightings: Sightings
) -> None:
    if not has(agent.name, "background"):
        pytest.skip(f"{agent.title}: {LIMITS[agent.name]['background'].reason}")
    script = in_background(agent)
    model, ours, theirs = led(home, agent, "background", *script)
    with sightings.trying(agent, "background", ours, theirs) as seen:
        seen(model.told(1, f"Port {theirs.port} ", EXPLAINED, theirs.name, last=len(script)))


def test_a_command_is_rewritten_where_that_is_wanted(
    agent: Agent, tmp_path: Path, sightings: Sightings
) -> None:
    with workplace(tmp_path, agents={"rewrite": True}) as place:
        place.install(agent)
        model, ours, theirs = led(place, agent, "rewrite", ONCE)
        if not has(agent.name, "rewrite"):
            assert not model.saw(REWRITTEN)
            return
        with sightings.trying(agent, "rewrite", ours, theirs) as seen:
            seen(model.told(1, REWRITTEN, "styxy run"))
            assert model.saw("listening on")
            assert not model.saw(f"listening on {theirs.port}")


def test_what_it_leaves_is_known_when_it_has_gone(agent: Agent, tmp_path: Path) -> None:
    with workplace(tmp_path) as place:
        place.install(agent)
        ours = place.project("shop")
        step = f"PORT={ours.port} nohup node server.js >server.log 2>&1 </dev/null &"
        place.session(agent, ours).run([step])
        if not ours.answers():
            pytest.skip("it ends what it has started")
        done = place.styxy.run("prune", "--json", cwd=ours.path)
        listed = json.loads(done.stdout)["servers"]
        assert [each["reason"] for each in listed if ours.port in each["ports"]] == ["session"]


def test_the_agent_works_on_when_styxy_is_gone(
    agent: Agent, tmp_path: Path, sightings: Sightings
) -> None:
    with workplace(tmp_path) as place:
        place.install(agent)
        project = place.project("shop")
        place.remove_styxy()
        with sightings.trying(agent, "removed", project, project):
            model = place.session(agent, project).run(["echo it wor''ks"])
            assert any("it works" in text for text in model.shown(1))
            assert not place.styxy.home.exists()
