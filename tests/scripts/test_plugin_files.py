"""Plugin and extension have the hooks that install writes, and what their agents ask for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scripts.plugin_files import ROOT, files
from styxy import __version__
from styxy.adapters.paths import Paths
from styxy.client.agents.install.agents import BY_NAME
from styxy.client.agents.install.installing import Installer

SKILL = ROOT / "plugin" / "skills" / "styxy" / "SKILL.md"

HOOKS = {
    "claude": "plugin/hooks/hooks.json",
    "codex": "plugin/hooks/codex.json",
    "gemini": "plugin/gemini/hooks/hooks.json",
}


def read(name: str) -> dict[str, object]:
    """Read one file of the repository."""
    data = json.loads((ROOT / name).read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize("name", files())
def test_a_file_is_up_to_date(name: str) -> None:
    assert read(name) == files()[name], "say: make docs"


@pytest.mark.parametrize("agent", HOOKS)
def test_a_plugin_has_the_hooks_that_install_writes_into_a_project(
    agent: str, tmp_path: Path
) -> None:
    paths = Paths({"STYXY_HOME": str(tmp_path / ".styxy")})
    installer = Installer(paths, {"HOME": str(tmp_path)}, project=str(tmp_path))
    written = installer.install(BY_NAME[agent]).file
    assert json.loads(Path(written).read_text()) == read(HOOKS[agent])


def test_the_marketplace_leads_to_a_plugin_of_its_name_and_version() -> None:
    marketplace = read(".claude-plugin/marketplace.json")
    assert isinstance(marketplace["plugins"], list)
    (plugin,) = marketplace["plugins"]
    folder = plugin["source"].removeprefix("./")
    for manifest in (".claude-plugin/plugin.json", ".codex-plugin/plugin.json"):
        about = read(f"{folder}/{manifest}")
        assert (about["name"], about["version"]) == (plugin["name"], __version__)
    assert (marketplace["name"], plugin["name"]) == ("styxy", "styxy")


def test_what_a_manifest_names_is_there() -> None:
    about = read("plugin/.codex-plugin/plugin.json")
    for name in ("skills", "mcpServers", "hooks"):
        assert (ROOT / "plugin" / str(about[name])).exists()


def test_the_skill_says_what_it_is_for_and_when() -> None:
    text = SKILL.read_text(encoding="utf-8")
    found = re.match(r"---\nname: styxy\ndescription: (.+)\n---\n", text)
    assert found
    assert "before starting any server" in found[1]
    assert len(found[1]) <= 1024
