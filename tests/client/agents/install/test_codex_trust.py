"""Trust given through Codex's app server; a program that speaks as it does stands in for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.client.agents.install.agents import BY_NAME
from styxy.client.agents.install.codex_trust import AppServer
from styxy.client.agents.install.installing import Installer
from styxy.client.agents.install.trusting import distrust, trust
from styxy.core.errors import Conflict, NotFound, Unavailable

CODEX = BY_NAME["codex"]

SERVER = """\
#!{python}
import json, os, pathlib, sys
home = pathlib.Path(os.environ["HOME"], ".codex")
config = home / "config.toml"
is_stubborn = {is_stubborn}
def trusted():
    return json.loads(config.read_text().split("# ")[1]) if config.exists() else {{}}
def listed():
    groups = json.loads((home / "hooks.json").read_text())["hooks"]
    for event, entries in groups.items():
        for at, group in enumerate(entries):
            for hook in group["hooks"]:
                key = f"{{home}}/hooks.json:{{event}}:{{at}}:0"
                shown = "hash of " + hook["command"]
                state = "trusted" if trusted().get(key) == shown else "untrusted"
                yield dict(key=key, command=hook["command"], currentHash=shown,
                           trustStatus=state, sourcePath=f"{{home}}/hooks.json")
print("a line of a log", flush=True)
for line in sys.stdin:
    message = json.loads(line)
    method, params = message["method"], message.get("params")
    if method == "initialized":
        continue
    if method == "hooks/list":
        result = {{"data": [{{"cwd": params["cwds"][0], "hooks": list(listed())}}]}}
    elif method == "config/batchWrite" and not is_stubborn:
        (edit,) = params["edits"]
        assert edit["keyPath"] == "hooks.state" and edit["mergeStrategy"] == "upsert"
        state = trusted() | {{key: each["trusted_hash"] for key, each in edit["value"].items()}}
        config.write_text("# " + json.dumps(state))
        result = {{}}
    else:
        result = {{}}
    print(json.dumps({{"method": "noise", "params": {{}}}}))
    print(json.dumps({{"id": message["id"], "result": result}}), flush=True)
"""


class Machine:
    """A home with a program `codex`."""

    def __init__(self, path: Path, text: str) -> None:
        self.codex = path / ".codex"
        self.codex.mkdir()
        self.program = path / "bin" / "codex"
        self.program.parent.mkdir()
        self.program.write_text(text)
        self.program.chmod(0o755)
        self.env = {"HOME": str(path), "PATH": str(self.program.parent)}
        self.installer = Installer(Paths({"STYXY_HOME": str(path / ".styxy")}), self.env)


def server(*, is_stubborn: bool = False) -> str:
    """The text of a program that answers as `codex app-server` does."""
    return SERVER.format(python=sys.executable, is_stubborn=is_stubborn)


def test_our_hooks_are_trusted_by_codex_itself_and_nobody_elses_are(tmp_path: Path) -> None:
    machine = Machine(tmp_path, server())
    theirs = {"hooks": [{"type": "command", "command": "rm -rf /; styxy-hook codex PreToolUse"}]}
    hooks = machine.codex / "hooks.json"
    hooks.write_text(json.dumps({"hooks": {"PreToolUse": [theirs]}}))
    machine.installer.install(CODEX)
    data = json.loads(hooks.read_text())
    data["hooks"]["PreToolUse"].insert(0, theirs)
    hooks.write_text(json.dumps(data))
    assert trust(CODEX, machine.installer, machine.env) == "Codex trusts the hooks"
    state = json.loads((machine.codex / "config.toml").read_text()[2:])
    assert len(state) == len(CODEX.events)
    assert not any("rm -rf" in each for each in state.values())


def test_trust_is_taken_back_with_the_hooks(tmp_path: Path) -> None:
    machine = Machine(tmp_path, server())
    machine.installer.install(CODEX)
    trust(CODEX, machine.installer, machine.env)
    outcome = machine.installer.uninstall(CODEX)
    assert distrust(CODEX, machine.installer, machine.env, outcome) == outcome
    assert list(machine.codex.iterdir()) == []


def test_trust_that_codex_has_written_over_stays_and_that_is_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path, server())
    machine.installer.install(CODEX)
    trust(CODEX, machine.installer, machine.env)
    config = machine.codex / "config.toml"
    config.write_text(config.read_text() + "\nmodel = 1\n")
    outcome = machine.installer.uninstall(CODEX)
    (note,) = distrust(CODEX, machine.installer, machine.env, outcome).notes
    assert note == f"the trust stays in {config} and does no harm: Codex has changed the file since"


def test_the_trust_of_a_user_outlives_the_hooks_of_a_project(tmp_path: Path) -> None:
    machine = Machine(tmp_path, server())
    machine.installer.install(CODEX)
    trust(CODEX, machine.installer, machine.env)
    paths = Paths({"STYXY_HOME": str(tmp_path / ".styxy")})
    project = Installer(paths, machine.env, project=str(tmp_path / "shop"))
    project.install(CODEX)
    outcome = project.uninstall(CODEX)
    assert distrust(CODEX, project, machine.env, outcome) == outcome
    assert (machine.codex / "config.toml").exists()


def test_a_refusal_of_codex_is_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path, server(is_stubborn=True))
    machine.installer.install(CODEX)
    with pytest.raises(Conflict, match="Codex did not take the trust; start codex and type /hooks"):
        trust(CODEX, machine.installer, machine.env)


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho '{\"id\": 7}'\n"])
def test_a_codex_without_an_app_server_is_said(tmp_path: Path, text: str) -> None:
    machine = Machine(tmp_path, text)
    machine.installer.install(CODEX)
    with pytest.raises(Unavailable, match="codex app-server gives no answer"):
        trust(CODEX, machine.installer, machine.env)


def test_a_codex_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "#!/bin/sh\nexec /bin/sleep 1000\n")
    with pytest.raises(Unavailable, match="codex app-server gives no answer"):
        with AppServer(str(machine.program), machine.env, directory=str(tmp_path), patience=0.05):
            raise AssertionError("it answered")


def test_an_error_of_codex_is_passed_on(tmp_path: Path) -> None:
    error = '{"id": 1, "error": {"code": -32601, "message": "no such method"}}'
    machine = Machine(tmp_path, f"#!/bin/sh\nread line\necho '{error}'\nread line\n")
    with pytest.raises(Unavailable, match="codex app-server refused initialize: no such method"):
        with AppServer(str(machine.program), machine.env, directory=str(tmp_path)):
            raise AssertionError("it answered")


def test_trust_without_codex_is_refused(tmp_path: Path) -> None:
    machine = Machine(tmp_path, server())
    machine.program.unlink()
    with pytest.raises(NotFound, match="there is no program codex"):
        trust(CODEX, machine.installer, machine.env)
