"""Hooks installed and removed in homes as users have them: `settings_files`, `records`."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from styxy.adapters.paths import Paths
from styxy.client.agents.install.agents import AGENTS, BY_NAME, Agent
from styxy.client.agents.install.entries import Post
from styxy.client.agents.install.installing import Installer
from styxy.client.agents.install.settings_files import delete, look, write
from styxy.core.errors import Conflict, NotFound, Unavailable
from tests.client.agents.install.documents import texts

CLAUDE = BY_NAME["claude"]
CODEX = BY_NAME["codex"]
GEMINI = BY_NAME["gemini"]
COPILOT = BY_NAME["copilot"]
TOKEN = "ab" * 32

THEIRS = '{\n    "model": "opus",\n    "hooks": {"Stop": []}\n}\n'


class Home:
    """A user's home with every agent in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = {"HOME": str(path), "PATH": ""}
        self.paths = Paths({"STYXY_HOME": str(path / ".styxy")})
        self.installer = Installer(self.paths, self.env)
        for agent in AGENTS:
            Path(agent.directory(self.env)).mkdir(parents=True)

    def file(self, agent: Agent) -> Path:
        """The file with an agent's hooks."""
        return Path(self.installer.file_of(agent))

    def everything(self) -> dict[str, tuple[int, bytes]]:
        """Every path below the home but Styxy's, with its permissions and content."""
        found = (path for path in self.path.rglob("*") if ".styxy" not in path.parts)
        return {
            str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
            for path in found
        }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in which agents have run, and none has settings."""
    return Home(tmp_path / "ada")


def by_name(agent: Agent) -> str:
    """The name of a test case."""
    return agent.name


@pytest.mark.parametrize("agent", AGENTS, ids=by_name)
def test_what_is_installed_is_removed_without_a_trace(home: Home, agent: Agent) -> None:
    before = home.everything()
    installed = home.installer.install(agent)
    assert (installed.action, installed.backup) == ("installed", None)
    assert b"styxy-hook" in home.file(agent).read_bytes()
    again = home.everything()
    assert home.installer.install(agent).action == "unchanged"
    assert home.everything() == again
    assert home.installer.uninstall(agent).action == "removed"
    assert home.everything() == before
    assert home.installer.uninstall(agent).action == "absent"


@pytest.mark.parametrize("agent", AGENTS, ids=by_name)
def test_it_is_removed_even_if_styxy_has_lost_its_home(home: Home, agent: Agent) -> None:
    file = home.file(agent)
    if not agent.has_only_hooks:
        file.write_text(THEIRS)
    home.installer.install(agent)
    shutil.rmtree(home.paths.home)
    assert home.installer.uninstall(agent).action == "removed"
    assert not Path(home.paths.home).exists()
    assert not file.exists() if agent.has_only_hooks else file.read_text() == THEIRS


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts())
def test_any_settings_come_back_to_the_byte(home: Home, text: str) -> None:
    file = home.file(GEMINI)
    file.write_bytes(text.encode())
    home.installer.install(GEMINI)
    home.installer.uninstall(GEMINI)
    assert file.read_bytes() == text.encode()


@pytest.mark.parametrize("blank", ["", "\n", "\ufeff", "  \r\n"])
@pytest.mark.parametrize("agent", [CLAUDE, CODEX, GEMINI], ids=by_name)
def test_a_file_as_touch_makes_it_is_filled_and_emptied(
    home: Home, agent: Agent, blank: str
) -> None:
    home.file(agent).write_text(blank)
    before = home.everything()
    assert home.installer.install(agent).action == "installed"
    assert home.installer.install(agent).action == "unchanged"
    assert home.installer.uninstall(agent).action == "removed"
    assert home.everything() == before


def test_the_content_before_is_kept_for_the_user_alone(home: Home) -> None:
    home.file(CLAUDE).write_text(THEIRS)
    backup = home.installer.install(CLAUDE).backup
    assert backup is not None
    assert Path(backup).read_text() == THEIRS
    assert stat.S_IMODE(os.stat(backup).st_mode) == 0o600
    assert Path(backup).parent == Path(home.paths.backups)


def test_permissions_and_a_link_stay(home: Home) -> None:
    dotfiles = home.path / "dotfiles"
    dotfiles.mkdir()
    real = dotfiles / "claude.json"
    real.write_text(THEIRS)
    real.chmod(0o640)
    home.file(CLAUDE).symlink_to(real)
    home.installer.install(CLAUDE)
    assert home.file(CLAUDE).is_symlink()
    assert "styxy-hook" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    home.installer.uninstall(CLAUDE)
    assert home.file(CLAUDE).is_symlink()
    assert real.read_text() == THEIRS


def test_a_link_to_nothing_gets_its_file(home: Home) -> None:
    real = home.path / "dotfiles.json"
    home.file(CLAUDE).symlink_to(real)
    home.installer.install(CLAUDE)
    assert "styxy-hook" in real.read_text()
    home.installer.uninstall(CLAUDE)
    assert home.file(CLAUDE).is_symlink()
    assert not real.exists()


def test_what_the_user_changes_meanwhile_stays(home: Home) -> None:
    home.file(CLAUDE).write_text(THEIRS)
    home.installer.install(CLAUDE)
    text = home.file(CLAUDE).read_text()
    home.file(CLAUDE).write_text(text.replace('"opus"', '"sonnet"'))
    home.installer.uninstall(CLAUDE)
    assert home.file(CLAUDE).read_text() == THEIRS.replace('"opus"', '"sonnet"')


def test_what_the_user_changes_between_two_installations_stays(home: Home) -> None:
    home.file(CLAUDE).write_text(THEIRS)
    home.installer.install(CLAUDE)
    text = home.file(CLAUDE).read_text().replace('"opus"', '"sonnet"').replace("SessionEnd", "Stop")
    home.file(CLAUDE).write_text(text)
    assert home.installer.install(CLAUDE).action == "updated"
    home.installer.uninstall(CLAUDE)
    assert home.file(CLAUDE).read_text() == THEIRS.replace('"opus"', '"sonnet"')


def test_a_file_that_the_user_goes_on_to_use_is_not_deleted(home: Home) -> None:
    home.installer.install(CLAUDE)
    data = json.loads(home.file(CLAUDE).read_text())
    home.file(CLAUDE).write_text(json.dumps({"model": "opus", **data}))
    home.installer.uninstall(CLAUDE)
    assert json.loads(home.file(CLAUDE).read_text()) == {"model": "opus"}


@pytest.mark.parametrize("agent", [CLAUDE, CODEX, COPILOT], ids=by_name)
def test_a_file_of_ours_that_the_user_fills_is_his_from_then_on(home: Home, agent: Agent) -> None:
    home.installer.install(agent)
    data = json.loads(home.file(agent).read_text())
    data["hooks"]["mine"] = [{"type": "command", "command": "mine"}]
    text = json.dumps(data, indent=2).replace('"timeout', '"was')
    home.file(agent).write_text(text)
    assert home.installer.install(agent).action == "updated"
    home.installer.uninstall(agent)
    assert "mine" in home.file(agent).read_text()
    assert "styxy-hook" not in home.file(agent).read_text()


@pytest.mark.parametrize("agent", [CODEX, COPILOT, BY_NAME["opencode"]], ids=by_name)
def test_an_older_version_without_a_record_goes_altogether(home: Home, agent: Agent) -> None:
    home.installer.install(agent)
    shutil.rmtree(home.paths.home)
    home.file(agent).write_text(home.file(agent).read_text().replace("/bin/", "/old/"))
    assert home.installer.install(agent).action == "updated"
    home.installer.uninstall(agent)
    assert not home.file(agent).exists()


def test_a_file_that_the_user_made_after_all_is_his(home: Home) -> None:
    home.installer.install(CLAUDE)
    home.file(CLAUDE).write_text(THEIRS)
    home.installer.install(CLAUDE)
    home.installer.uninstall(CLAUDE)
    assert home.file(CLAUDE).read_text() == THEIRS


def test_permissions_that_the_user_narrows_stay_narrow(home: Home) -> None:
    home.file(CLAUDE).write_text(THEIRS)
    home.installer.install(CLAUDE)
    home.file(CLAUDE).chmod(0o600)
    home.installer.uninstall(CLAUDE)
    assert stat.S_IMODE(home.file(CLAUDE).stat().st_mode) == 0o600


def test_an_older_version_is_brought_up_to_date_and_still_leaves_no_trace(home: Home) -> None:
    home.file(CLAUDE).write_text(THEIRS)
    home.installer.install(CLAUDE, Post(port=9876, token=TOKEN))
    assert home.installer.install(CLAUDE).action == "updated"
    assert "http" not in home.file(CLAUDE).read_text()
    home.installer.uninstall(CLAUDE)
    assert home.file(CLAUDE).read_text() == THEIRS


def test_a_token_in_a_file_is_for_the_user_alone_as_long_as_it_is_there(home: Home) -> None:
    home.file(CLAUDE).write_text(THEIRS)
    home.file(CLAUDE).chmod(0o644)
    home.installer.install(CLAUDE, Post(port=9876, token=TOKEN))
    assert TOKEN in home.file(CLAUDE).read_text()
    assert stat.S_IMODE(home.file(CLAUDE).stat().st_mode) == 0o600
    home.installer.uninstall(CLAUDE)
    assert stat.S_IMODE(home.file(CLAUDE).stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"hooks": [', "expected a value, not the end of the file; mend the file"),
        (b"\xff\xfe{}", "is not UTF-8; mend the file"),
        (b"[]", "must hold an object"),
    ],
)
def test_a_broken_file_is_left_alone(home: Home, content: bytes, sentence: str) -> None:
    home.file(CLAUDE).write_bytes(content)
    before = home.everything()
    with pytest.raises(Conflict, match=sentence) as caught:
        home.installer.install(CLAUDE)
    assert str(home.file(CLAUDE)) in caught.value.message
    assert "\n" not in caught.value.message
    assert home.everything() == before
    assert home.installer.uninstall(CLAUDE).action == "absent"


def test_a_huge_file_is_left_alone(home: Home) -> None:
    home.file(CLAUDE).write_bytes(b" " * (4 * 1024 * 1024 + 1))
    with pytest.raises(Conflict, match="is larger than 4194304 bytes"):
        home.installer.install(CLAUDE)


def test_a_read_only_file_is_left_alone(home: Home) -> None:
    file = home.file(CLAUDE)
    file.write_text(THEIRS)
    file.chmod(0o444)
    with pytest.raises(Conflict, match=f"{file} is read-only; to allow the change: chmod u\\+w"):
        home.installer.install(CLAUDE)
    assert file.read_text() == THEIRS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_left_alone(home: Home) -> None:
    home.file(CLAUDE).write_text(THEIRS)
    os.chown(home.file(CLAUDE), 12345, -1)
    with pytest.raises(Conflict, match="belongs to user 12345; run this as that user"):
        home.installer.install(CLAUDE)
    assert home.file(CLAUDE).read_text() == THEIRS


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_what_is_no_file_is_left_alone(home: Home, kind: str) -> None:
    file = home.file(CLAUDE)
    make = os.mkdir if kind == "directory" else os.mkfifo
    make(file)
    with pytest.raises(Unavailable, match=f"cannot read {file}"):
        home.installer.install(CLAUDE)


def test_a_directory_that_is_a_file_is_said(home: Home) -> None:
    (home.path / ".copilot" / "hooks").write_text("")
    with pytest.raises(Unavailable, match=r"cannot (read|write) .*styxy\.json: Not a directory"):
        home.installer.install(COPILOT)


def test_an_agent_that_is_not_here_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": ""}
    installer = Installer(Paths({"STYXY_HOME": str(tmp_path / ".styxy")}), env)
    with pytest.raises(NotFound) as caught:
        installer.install(CLAUDE)
    assert caught.value.message == (
        f"Claude Code is not on this machine: no program claude, no directory {tmp_path}/.claude; "
        f"to install all the same: mkdir -p {tmp_path}/.claude"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_agent_that_has_never_run_gets_its_directory_and_loses_it_again(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    env = {"HOME": str(tmp_path), "PATH": str(program.parent)}
    installer = Installer(Paths({"STYXY_HOME": str(tmp_path / ".styxy")}), env)
    installer.install(CLAUDE)
    assert (tmp_path / ".claude" / "settings.json").exists()
    installer.uninstall(CLAUDE)
    assert not (tmp_path / ".claude").exists()


@pytest.mark.parametrize("agent", AGENTS, ids=by_name)
def test_a_project_names_no_path_of_this_machine(home: Home, agent: Agent, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    installer = Installer(home.paths, home.env, project=str(project))
    installer.install(agent)
    text = (project / agent.project_file).read_text()
    assert "styxy-hook" in text
    assert str(tmp_path) not in text
    installer.uninstall(agent)
    assert list(project.iterdir()) == []


def test_a_strange_plugin_is_not_replaced(home: Home) -> None:
    file = home.file(BY_NAME["opencode"])
    file.parent.mkdir()
    file.write_text("export const Mine = async () => ({})\n")
    with pytest.raises(Conflict, match=r"is not Styxy's; move it away and try again"):
        home.installer.install(BY_NAME["opencode"])


def test_a_file_that_changes_meanwhile_is_not_overwritten(home: Home) -> None:
    home.file(CLAUDE).write_text(THEIRS)
    seen = look(str(home.file(CLAUDE)))
    home.file(CLAUDE).write_text("{}")
    with pytest.raises(Conflict, match="has just changed; try again"):
        write(seen, b"ours")
    with pytest.raises(Conflict, match="has just changed; try again"):
        delete(seen)
    assert home.file(CLAUDE).read_text() == "{}"


def test_codex_is_told_that_its_users_own_hooks_have_moved(home: Home) -> None:
    home.installer.install(CODEX)
    data = json.loads(home.file(CODEX).read_text())
    data["hooks"]["PreToolUse"].append({"hooks": [{"type": "command", "command": "mine"}]})
    home.file(CODEX).write_text(json.dumps(data))
    (note,) = home.installer.uninstall(CODEX).notes
    assert "trust them again" in note


def test_a_change_that_somebody_made_for_us_is_taken_back_once(home: Home) -> None:
    config = home.path / ".codex" / "config.toml"
    config.write_text('model = "x"\n')
    before = look(str(config))
    config.write_text('model = "x"\n[hooks.state]\n')
    home.installer.note_change("codex-trust", before, look(str(config)))
    assert home.installer.restore(look(str(config))) is True
    assert config.read_text() == 'model = "x"\n'
    assert home.installer.restore(look(str(config))) is None


def test_a_later_change_of_somebody_else_is_not_taken_back(home: Home) -> None:
    config = home.path / ".codex" / "config.toml"
    before = look(str(config))
    config.write_text("[hooks.state]\n")
    home.installer.note_change("codex-trust", before, look(str(config)))
    config.write_text('[hooks.state]\nmodel = "x"\n')
    assert home.installer.restore(look(str(config))) is False
    assert config.read_text() == '[hooks.state]\nmodel = "x"\n'


def test_hooks_that_are_switched_off_are_installed_and_that_is_said(home: Home) -> None:
    home.file(CLAUDE).write_text('{"disableAllHooks": true}')
    for action in ("installed", "unchanged"):
        outcome = home.installer.install(CLAUDE)
        assert outcome.action == action
        assert outcome.notes == (f"but disableAllHooks in {home.file(CLAUDE)} turns all hooks off",)
