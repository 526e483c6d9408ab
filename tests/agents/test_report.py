"""docs/agents.md says what the real agents showed, and no run takes a good row away."""

from __future__ import annotations

from pathlib import Path

import pytest

from styxy.core.agents.answers import PROTOCOLS
from tests.agents.features import AFTER, BY_NAME, FEATURES, LIMITS, NO, has
from tests.agents.programs import AGENTS, CLAUDE, QWEN, Agent
from tests.agents.report import PAGE, SEEN, Seen, Sightings, dump, filled, load, settled, update
from tests.agents.workplace import Project

EMPTY = (
    "# Page\n\n<!-- made by: make agents -->\n\n<!-- end of what make agents makes -->\nThe end.\n"
)


def page_of(seen: dict[str, Seen]) -> str:
    """Make a page."""
    return filled(EMPTY, seen)


def row_of(agent: Agent, page: str) -> list[str]:
    """Split the agent's row into cells."""
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {agent.title} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def passed(*features: str, version: str = "1.0", failed: tuple[str, ...] = ()) -> Seen:
    """Make an entry of an agent that showed some features."""
    return Seen(version, "2026-11-02", {each: f"words of {each}" for each in features}, [*failed])


def test_the_page_is_what_the_agents_showed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, load(SEEN.read_text(encoding="utf-8"))) == page, "say: make agents"


def test_the_tables_speak_of_agents_and_features_that_there_are() -> None:
    names = {each.name for each in AGENTS}
    assert LIMITS.keys() == names
    assert {feature for each in LIMITS.values() for feature in each} <= BY_NAME.keys()


def test_what_was_seen_is_read_back_as_it_was_written() -> None:
    seen = {"claude": passed("ports", "guard", failed=("own",))}
    assert load(dump(seen)) == seen


def test_a_row_has_version_features_and_day() -> None:
    everything = passed(*(each.name for each in FEATURES))
    cells = row_of(CLAUDE, page_of({"claude": everything}))
    assert cells == ["Claude Code", "1.0", *["✓"] * len(FEATURES), "2026-11-02"]


def test_a_row_says_what_the_agent_cannot_have_or_has_later() -> None:
    features = [each.name for each in FEATURES if has("qwen", each.name)]
    page = page_of({"qwen": passed(*features)})
    cells = dict(zip([each.name for each in FEATURES], row_of(QWEN, page)[2:-1], strict=True))
    assert cells["rewrite"] == NO
    assert cells["taken"] == AFTER
    assert f"- *rewrite*, no: Qwen Code: {LIMITS['qwen']['rewrite'].reason}.\n" in page


@pytest.mark.parametrize("seen", [passed(), passed("ports", failed=("ports",))])
def test_a_feature_that_was_not_seen_is_shown(seen: Seen) -> None:
    assert row_of(CLAUDE, page_of({"claude": seen}))[2] == "**fails**"


def test_an_agent_that_never_ran_says_so() -> None:
    assert row_of(CLAUDE, page_of({}))[1] == "never run"


def test_the_same_words_are_quoted_once() -> None:
    page = page_of({"claude": passed("ports"), "codex": passed("ports")})
    assert page.count("words of ports") == 1
    assert "Claude Code and Codex:" in page


def test_the_words_by_hand_are_left() -> None:
    page = page_of({"claude": passed("ports")})
    assert page.startswith("# Page\n")
    assert page.endswith("\nThe end.\n")
    assert filled(page, {"claude": passed("ports")}) == page


def test_an_agent_that_is_not_to_be_had_keeps_its_row() -> None:
    old = {"claude": passed("ports"), "codex": passed("ports")}
    new = Sightings({"codex": passed("guard", version="2.0")})
    assert update(old, new) == {"claude": old["claude"], "codex": new.agents["codex"]}


def test_a_run_of_some_features_keeps_the_others() -> None:
    old = {"claude": passed("ports", failed=("guard", "own"))}
    new = Sightings({"claude": passed("guard", failed=("taken",))})
    merged = update(old, new)["claude"]
    assert merged.features.keys() == {"ports", "guard"}
    assert merged.failed == ["own", "taken"]


OURS = Project(Path("/home/ada/shop"), leased=3000, port=20001)
THEIRS = Project(Path("/home/ada/blog"), leased=3002, port=30003)


def test_a_feature_is_seen_unless_its_test_fails() -> None:
    sightings = Sightings({"claude": passed()})
    with sightings.trying(CLAUDE, "ports", OURS, THEIRS) as seen:
        seen("3000 is yours")
    with pytest.raises(ZeroDivisionError), sightings.trying(CLAUDE, "guard", OURS, THEIRS):
        raise ZeroDivisionError
    assert sightings.agents["claude"].features == {"ports": "3000 is yours"}
    assert sightings.agents["claude"].failed == ["guard"]


def test_words_are_the_same_in_every_run() -> None:
    words = "Port 30003 is in use by server (pid 815), running for less than 1 s; 20001, 3002"
    assert settled(words, OURS, THEIRS) == (
        "Port 4001 is in use by server (pid 4711), running for 2 s; 4000, 3001"
    )
    moved = "Port 30003 was in use, auto-assigned port 8020\nlistening on 8020"
    assert settled(moved, OURS, THEIRS) == (
        "Port 4001 was in use, auto-assigned port 4002\nlistening on 4002"
    )
    line = "true && /tmp/x/home/.styxy/bin/styxy run -- vite"
    assert settled(line, OURS, THEIRS) == "true && /home/ada/.styxy/bin/styxy run -- vite"


@pytest.mark.parametrize("agent", LIMITS)
def test_the_daemon_knows_the_same_limits(agent: str) -> None:
    assert ("taken" in LIMITS[agent]) != PROTOCOLS[agent].shows_before
    assert has(agent, "rewrite") == PROTOCOLS[agent].can_rewrite
