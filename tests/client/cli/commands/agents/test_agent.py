"""agent install, uninstall, status and snippet, typed in a home of the test's own."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from styxy.client.agents.install.agents import AGENTS
from styxy.client.cli.commands.agents.agent import NAMES
from tests.commands import LONGEST, CommandLine

THEIRS = '{\n  "model": "opus"\n}\n'


@pytest.fixture
def ada(styxy: CommandLine, tmp_path: Path) -> Path:
    """A home in which Claude Code and Codex have run, with a program for the hooks."""
    home = tmp_path / "ada"
    (home / ".claude").mkdir(parents=True)
    (home / ".claude" / "settings.json").write_text(THEIRS)
    (home / ".codex").mkdir()
    styxy.env |= {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    return home


def test_the_command_line_names_the_agents_of_the_table() -> None:
    assert tuple(agent.name for agent in AGENTS) == NAMES


def test_all_installs_for_each_agent_that_is_here_and_uninstall_takes_it_back(
    styxy: CommandLine, ada: Path
) -> None:
    done = styxy.run("agent", "install", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"claude: installed in {ada}/.claude/settings.json"
    assert lines[1].startswith(f"  what was there before: {styxy.home}/backups/agent-claude-")
    assert lines[2] == f"codex: installed in {ada}/.codex/hooks.json"
    assert lines[3].endswith("styxy agent install codex --trust, or start codex and type /hooks")
    again = styxy.run("agent", "install", "claude")
    assert again.stdout == f"claude: already installed in {ada}/.claude/settings.json\n"
    done = styxy.run("agent", "uninstall", "--all")
    assert done.returncode == 0
    assert [line.partition(" ")[0] for line in done.stdout.splitlines() if line[0] != " "] == [
        "claude:",
        "codex:",
    ]
    assert (ada / ".claude" / "settings.json").read_text() == THEIRS
    assert list((ada / ".codex").iterdir()) == []
    assert styxy.run("agent", "uninstall", "--all").stdout == "no agent has hooks of Styxy's\n"


def test_one_agents_failure_does_not_keep_the_others_from_theirs(
    styxy: CommandLine, ada: Path
) -> None:
    (ada / ".claude" / "settings.json").write_text("{")
    done = styxy.run("agent", "install", "--all")
    assert done.returncode == 1
    assert done.stdout.startswith("codex: installed in")
    assert done.stderr.startswith(f"styxy: claude: {ada}/.claude/settings.json:1:2: expected a key")
    assert done.stderr.count("\n") == 1
    body = styxy.json("agent", "install", "--all", code=1)
    assert body["success"] is False
    assert [each["action"] for each in body["agents"]] == ["unchanged"]  # type: ignore[attr-defined] # JSON
    assert [each["code"] for each in body["failures"]] == ["conflict"]  # type: ignore[attr-defined] # JSON


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name an agent (claude, codex, "),
        (["claude", "--all"], "name an agent (claude, codex, "),
        (["cloude"], "'cloude' is no agent that Styxy knows; did you mean 'claude'?"),
        (["claude", "--trust"], "--trust is for codex; try: styxy agent install codex --trust"),
        (["codex", "--http"], "--http is for claude; try: styxy agent install claude --http"),
        (["claude", "--http", "--project"], "--http would put the daemon's token into a file"),
    ],
)
def test_wrong_usage_is_said_and_changes_nothing(
    styxy: CommandLine, ada: Path, words: list[str], said: str
) -> None:
    done = styxy.run("agent", "install", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert (ada / ".claude" / "settings.json").read_text() == THEIRS
    assert not styxy.home.exists()


def test_no_agent_here_is_said(styxy: CommandLine, tmp_path: Path) -> None:
    styxy.env |= {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = styxy.run("agent", "install", "--all")
    assert done.returncode == 1
    assert "none of these agents is on this machine: claude, codex" in done.stderr
    assert done.stderr.endswith("name it: styxy agent install claude\n")


def test_the_directory_of_an_agent_that_is_a_link_to_nowhere_can_be_made(
    styxy: CommandLine, tmp_path: Path
) -> None:
    styxy.env |= {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    (tmp_path / ".claude").symlink_to(tmp_path / "dot files" / "claude")
    done = styxy.run("agent", "install", "claude")
    command = done.stderr.rpartition("all the same: ")[2]
    subprocess.run(command, shell=True, check=True)
    assert styxy.run("agent", "install", "claude").returncode == 0


def test_a_home_directory_is_no_project(styxy: CommandLine, ada: Path) -> None:
    for word in ("install", "uninstall"):
        done = styxy.run("agent", word, "claude", "--project", cwd=ada)
        assert (done.returncode, done.stdout) == (2, "")
        assert "the home directory is no project" in done.stderr
    assert (ada / ".claude" / "settings.json").read_text() == THEIRS
    done = styxy.run("agent", "install", "claude", "--project", cwd=Path("/"))
    assert (done.returncode, "/ is no project" in done.stderr) == (2, True)


def test_a_broken_file_is_to_be_mended_and_nothing_added_for_an_uninstall(
    styxy: CommandLine, ada: Path
) -> None:
    file = ada / ".claude" / "settings.json"
    file.write_text('{"hooks": ["styxy-hook"')
    done = styxy.run("agent", "uninstall", "claude")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("mend the file and try again\n")
    done = styxy.run("agent", "install", "claude")
    assert done.stderr.endswith("what this shows: styxy agent snippet claude\n")


def test_a_link_to_nowhere_is_followed_only_where_its_file_has_a_place(
    styxy: CommandLine, ada: Path, tmp_path: Path
) -> None:
    file, real = ada / ".claude" / "settings.json", tmp_path / "dotfiles" / "claude.json"
    file.unlink()
    file.symlink_to(real)
    done = styxy.run("agent", "install", "claude")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file} is a link to {real}, which is not there" in done.stderr
    assert f"mkdir -p {real.parent}, or remove the link: rm {file}" in done.stderr
    assert not real.parent.exists()
    real.parent.mkdir()
    assert styxy.run("agent", "install", "claude").returncode == 0
    assert (file.is_symlink(), real.is_file()) == (True, True)
    assert styxy.run("agent", "uninstall", "claude").returncode == 0
    assert (file.is_symlink(), real.exists()) == (True, False)


def test_a_project_gets_files_that_name_the_program_by_name(
    styxy: CommandLine, ada: Path, tmp_path: Path
) -> None:
    project = tmp_path / "shop"
    (project / "src").mkdir(parents=True)
    (project / "package.json").write_text("{}")
    done = styxy.run("agent", "install", "claude", "copilot", "--project", cwd=project / "src")
    assert done.returncode == 0, done
    text = (project / ".claude" / "settings.json").read_text()
    assert "command -v styxy-hook >/dev/null && styxy-hook claude PreToolUse || true" in text
    assert (project / ".github" / "hooks" / "styxy.json").exists()
    assert (ada / ".claude" / "settings.json").read_text() == THEIRS
    done = styxy.run("agent", "uninstall", "--all", "--project", cwd=project)
    assert done.returncode == 0, done
    assert {path.name for path in project.iterdir()} == {"package.json", "src"}


def test_http_hooks_name_the_port_and_the_token_of_the_daemon(
    running: CommandLine, ada: Path
) -> None:
    done = running.run("agent", "install", "claude", "--http")
    assert done.returncode == 0, done
    hooks = json.loads((ada / ".claude" / "settings.json").read_text())["hooks"]
    assert hooks["SessionStart"][0]["hooks"][0]["type"] == "command"
    token = (running.home / "auth.token").read_text().strip()
    assert hooks["PreToolUse"][0]["hooks"][0] == {
        "type": "http",
        "url": f"http://127.0.0.1:{running.port}/hooks/claude/PreToolUse",
        "headers": {"Authorization": f"Bearer {token}"},
        "timeout": 5,
    }


def test_status_tells_what_is_here_installed_and_out_of_date(styxy: CommandLine, ada: Path) -> None:
    styxy.run("agent", "install", "claude")
    (styxy.home / "bin").mkdir(exist_ok=True)
    program = styxy.home / "bin" / "styxy-hook"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    table = styxy.run("agent", "status").stdout.partition("\n\n")[0]
    rows = {line.split()[0]: line.split() for line in table.splitlines()}
    assert rows["AGENT"] == ["AGENT", "HERE", "HOOKS", "PROJECT", "TRUSTED"]
    assert rows["claude"][1:] == ["yes", "current", "-", "-"]
    assert rows["codex"][1:] == ["yes", "-", "-", "-"]
    assert rows["gemini"][1:] == ["no", "-", "-", "-"]
    file = ada / ".claude" / "settings.json"
    file.write_text(file.read_text().replace('"timeout": 5', '"timeout": 50'))
    agents = styxy.json("agent", "status")["agents"]
    assert isinstance(agents, list)
    claude = agents[0]
    assert (claude["agent"], claude["found"], claude["installed"]) == ("claude", True, True)
    assert claude["places"][0] == {
        "scope": "user",
        "file": str(file),
        "state": "outdated",
        "uses_http": False,
        "problem": "the hooks are of another version; try: styxy agent install claude",
    }
    assert claude["limits"]


def test_a_users_file_is_no_projects_file_in_the_home(styxy: CommandLine, ada: Path) -> None:
    styxy.run("agent", "install", "claude")
    styxy.env["STYXY_PROJECT"] = str(ada)
    text = styxy.run("agent", "status").stdout
    assert "claude    yes   current  -        -" in text
    assert "another version" not in text


def test_status_tells_that_all_hooks_are_off(styxy: CommandLine, ada: Path) -> None:
    file = ada / ".claude" / "settings.json"
    file.write_text('{"disableAllHooks": true}')
    styxy.run("agent", "install", "claude")
    text = styxy.run("agent", "status").stdout
    assert "claude    yes   off" in text
    assert f"claude: disableAllHooks in {file} turns all hooks off" in text


def test_status_changes_nothing_and_starts_no_daemon(styxy: CommandLine, ada: Path) -> None:
    before = sorted(ada.rglob("*"))
    assert styxy.run("agent", "status").returncode == 0
    assert sorted(ada.rglob("*")) == before
    assert not styxy.home.exists()


@pytest.mark.usefixtures("ada")
def test_status_fits_eighty_columns(styxy: CommandLine) -> None:
    styxy.run("agent", "install", "--all")
    for line in styxy.run("agent", "status").stdout.splitlines():
        assert len(line) <= 80 or "/" in line


def test_a_file_that_cannot_be_read_is_shown_as_broken(styxy: CommandLine, ada: Path) -> None:
    (ada / ".claude" / "settings.json").write_text("{")
    done = styxy.run("agent", "status")
    assert done.returncode == 0
    assert "claude    yes   broken" in done.stdout
    assert "claude: " in done.stdout


def test_a_key_for_which_codex_reads_nothing_is_named(styxy: CommandLine, ada: Path) -> None:
    file = ada / ".codex" / "hooks.json"
    file.write_text('{"$schema": "https://example.org/hooks.json"}')
    sentence = f'Codex reads nothing of {file} because of its key "$schema"; remove that'
    assert f"but {sentence}" in styxy.run("agent", "install", "codex").stdout
    text = styxy.run("agent", "status").stdout
    assert "codex     yes   broken" in text
    assert f"codex: {sentence}" in text


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("name", NAMES)
def test_the_snippet_of_an_agent_is_what_install_writes(styxy: CommandLine, name: str) -> None:
    directory = next(each for each in AGENTS if each.name == name).directory(styxy.env)
    Path(directory).mkdir(parents=True, exist_ok=True)
    (Path(directory) / "settings.json").unlink(missing_ok=True)
    body = styxy.json("agent", "install", name)
    assert isinstance(body["agents"], list)
    file = Path(str(body["agents"][0]["file"]))
    assert styxy.run("agent", "snippet", name).stdout == file.read_text()


@pytest.mark.usefixtures("ada")
def test_the_paragraph_for_agents_names_commands_that_exist(styxy: CommandLine) -> None:
    text = styxy.run("agent", "snippet").stdout
    assert text.startswith("## Ports\n")
    assert all(len(line) <= 100 for line in text.splitlines())
    assert styxy.json("agent", "snippet")["snippet"] == text


def test_control_c_leaves_the_old_file_or_the_new_one(styxy: CommandLine, ada: Path) -> None:
    file = ada / ".claude" / "settings.json"
    with styxy.start("agent", "install", "claude") as process:
        while process.poll() is None and not (styxy.home / "backups").exists():
            pass  # until it begins to write
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LONGEST)
    assert process.returncode in (0, 130, -signal.SIGINT)  # the last: before Python heeds it
    after = file.read_text()
    assert after == THEIRS or json.loads(after)["hooks"]
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert styxy.run("agent", "install", "claude").returncode == 0
    assert styxy.run("agent", "uninstall", "claude").returncode == 0
    assert file.read_text() == THEIRS
