"""What `styxy agent` says, and `status`, which finds it out."""

from __future__ import annotations

from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.client.agents.install.agents import AGENTS, BY_NAME
from styxy.client.agents.install.installing import Installer
from styxy.client.agents.install.status import Place, Status, status
from styxy.client.text.agent_text import PARAGRAPH, outcome_lines, statuses


def a_status(**changes: object) -> Status:
    """Codex, installed for the user."""
    place = Place(scope="user", file="/home/ada/.codex/hooks.json", state="current")
    absent = Place(scope="project", file="/shop/.codex/hooks.json", state="absent")
    fields: dict[str, object] = {
        "agent": "codex",
        "title": "Codex",
        "found": True,
        "places": (place, absent),
        "trusted": False,
        "limits": ("runs no hook that is not trusted",),
    }
    return Status(**{**fields, **changes})  # type: ignore[arg-type] # of every field's own type


def test_hooks_without_trust_are_followed_by_the_command_that_gives_it() -> None:
    assert statuses([a_status()]).splitlines() == [
        "AGENT  HERE  HOOKS    PROJECT  TRUSTED",
        "codex  yes   current  -        no",
        "codex: the hooks are not trusted; try: styxy agent install codex --trust",
        "",
        "what each cannot do:",
        "  codex     runs no hook that is not trusted",
    ]
    assert "not trusted;" not in statuses([a_status(trusted=True)])


@pytest.mark.parametrize(
    ("action", "line"),
    [
        ("installed", "claude: installed in /x"),
        ("updated", "claude: updated in /x"),
        ("unchanged", "claude: already installed in /x"),
        ("removed", "claude: removed from /x"),
        ("absent", "claude: nothing of Styxy's in /x"),
    ],
)
def test_each_outcome_is_one_sentence(action: str, line: str) -> None:
    outcome: dict[str, object] = {
        "agent": "claude",
        "action": action,
        "file": "/x",
        "backup": None,
        "notes": [],
    }
    assert list(outcome_lines(outcome)) == [line]


def test_a_hook_that_is_out_of_date_names_the_command_that_renews_it(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": ""}
    paths = Paths({"STYXY_HOME": str(tmp_path / ".styxy")})
    user = Installer(paths, env)
    project = Installer(paths, env, project=str(tmp_path / "shop"))
    agent = BY_NAME["cursor"]
    project.install(agent)
    seen = status(agent, user, project, env)
    assert [place.state for place in seen.places] == ["absent", "current"]
    file = tmp_path / "shop" / ".cursor" / "hooks.json"
    file.write_text(file.read_text().replace("Shell", "Terminal"))
    seen = status(agent, user, project, env)
    assert seen.places[1].problem == (
        "the hooks are of another version; try: styxy agent install cursor --project"
    )
    assert seen.installed


def test_what_all_agents_cannot_do_fits_eighty_columns(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": ""}
    user = Installer(Paths({"STYXY_HOME": str(tmp_path / ".styxy")}), env)
    text = statuses([status(agent, user, user, env) for agent in AGENTS])
    assert max(map(len, text.splitlines())) <= 80


def test_the_paragraph_ends_no_line_in_a_space() -> None:
    assert all(line == line.rstrip() for line in PARAGRAPH.splitlines())
