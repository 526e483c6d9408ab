"""What the real agents showed in the last run of each: seen.json, and docs/agents.md made of it.

An agent that did not run keeps what an earlier run showed, with its date, so that a machine with
few agents takes no knowledge away. `make agents` writes both files; a test in every `make test`
compares them.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pytest

from tests.agents.features import FEATURES, LIMITS, Limit, has
from tests.agents.programs import AGENTS, ROOT, Agent
from tests.agents.workplace import Project

SEEN = Path(__file__).with_name("seen.json")
PAGE = ROOT / "docs" / "agents.md"

_PART = re.compile(
    r"(<!-- made by: make agents -->\n).*?(<!-- end of what make agents makes -->)", re.DOTALL
)


@dataclass(slots=True)
class Seen:
    """What one agent showed: by feature, the words that its model saw; "" where there are none."""

    version: str
    day: str
    features: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Sightings:
    """Collect what is seen in this run, by agent."""

    agents: dict[str, Seen] = field(default_factory=dict)

    @contextlib.contextmanager
    def trying(
        self, agent: Agent, feature: str, ours: Project, theirs: Project
    ) -> Iterator[Callable[[str], None]]:
        """Try a feature in a project against another: it is seen, with the words that are given to
        the function, unless the test fails meanwhile."""
        new = Seen(agent.version(), time.strftime("%Y-%m-%d"))
        seen = self.agents.setdefault(agent.name, new)
        words: list[str] = []
        try:
            yield words.append
        except BaseException:
            seen.failed.append(feature)
            raise
        seen.features.setdefault(feature, settled("".join(words), ours, theirs))


def settled(words: str, ours: Project, theirs: Project) -> str:
    """Put the same in the place of what differs from run to run: ports, ids, times, the home."""
    ports = (ours.leased, theirs.leased, ours.port, theirs.port)
    for port, shown in zip(ports, ("3000", "3001", "4000", "4001"), strict=True):
        words = re.sub(rf"\b{port}\b", shown, words)
    if moved := re.search(r"auto-assigned port (\d+)", words):
        words = re.sub(rf"\b{moved[1]}\b", "4002", words)
    words = re.sub(r"\bpid \d+", "pid 4711", words)
    words = re.sub(r"/\S*/\.styxy/", "/home/ada/.styxy/", words)
    return re.sub(r"\bfor (?:less than )?\d+ (?:s|min)\b", "for 2 s", words)


SIGHTINGS = pytest.StashKey[Sightings]()
"""Where pytest's configuration keeps those of this run."""


def load(text: str) -> dict[str, Seen]:
    """Read seen.json."""
    return {name: Seen(**each) for name, each in json.loads(text).items()}


def dump(seen: Mapping[str, Seen]) -> str:
    """Write seen.json, the agents and their features in the order of the tables."""
    ordered = {}
    for agent in AGENTS:
        if agent.name in seen:
            facts = asdict(seen[agent.name])
            words = facts["features"]
            facts["features"] = {
                each.name: words[each.name] for each in FEATURES if each.name in words
            }
            ordered[agent.name] = facts
    return json.dumps(ordered, indent=1, ensure_ascii=False) + "\n"


def update(old: Mapping[str, Seen], new: Sightings) -> dict[str, Seen]:
    """Put what this run showed in the place of what an earlier one did.

    A run of some features of the same version leaves the others as they were.
    """
    merged = dict(old)
    for name, seen in new.agents.items():
        before = old.get(name)
        if before and before.version == seen.version:
            failed = [each for each in before.failed if each not in seen.features]
            merged[name] = replace(
                seen,
                features={**before.features, **seen.features},
                failed=sorted({*failed, *seen.failed}),
            )
        else:
            merged[name] = seen
    return merged


def filled(page: str, seen: Mapping[str, Seen]) -> str:
    """Write the part of the page that is made, and leave the rest."""
    made = "\n".join([*_table(seen), "", *_limits(), "", *_words(seen)])
    return _PART.sub(lambda found: f"{found[1]}\n{made}\n{found[2]}", page)


def _table(seen: Mapping[str, Seen]) -> Iterator[str]:
    titles = ["agent", "version", *(each.title for each in FEATURES), "run on"]
    yield _line(titles)
    yield _line(["---"] * len(titles))
    for agent in AGENTS:
        facts = seen.get(agent.name)
        if facts is None:
            yield _line([agent.title, "never run", *["-"] * (len(FEATURES) + 1)])
        else:
            cells = [_cell(agent.name, each.name, facts) for each in FEATURES]
            yield _line([agent.title, facts.version, *cells, facts.day])


def _cell(agent: str, feature: str, seen: Seen) -> str:
    limit = LIMITS[agent].get(feature)
    is_seen = feature in seen.features and feature not in seen.failed
    if has(agent, feature) and not is_seen:
        return "**fails**"
    return limit.word if limit else "✓"


def _limits() -> Iterator[str]:
    """Say what the words of the table mean, once for all agents that they are said of."""
    for feature in FEATURES:
        agents: dict[Limit, list[Agent]] = {}
        for agent in AGENTS:
            if limit := LIMITS[agent.name].get(feature.name):
                agents.setdefault(limit, []).append(agent)
        for limit, those in agents.items():
            names = _listed([each.title for each in those])
            reason = limit.reason.format(those[0].name if len(those) == 1 else "AGENT")
            yield f"- *{feature.title}*, {limit.word.removeprefix('✓ ')}: {names}: {reason}."


def _words(seen: Mapping[str, Seen]) -> Iterator[str]:
    """Quote what the models saw, the same words once."""
    for feature in FEATURES:
        quotes: dict[str, list[str]] = {}
        for agent in AGENTS:
            words = seen[agent.name].features.get(feature.name) if agent.name in seen else None
            if words:
                quotes.setdefault(words, []).append(agent.title)
        if quotes:
            yield f"**{feature.meaning}**"
            yield ""
        for words, titles in quotes.items():
            yield from (f"{_listed(titles)}:", "", "```text", *words.splitlines(), "```", "")


def _listed(titles: Sequence[str]) -> str:
    *first, last = titles
    return f"{', '.join(first)} and {last}" if first else last


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
