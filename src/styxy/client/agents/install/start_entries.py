"""A project's servers in the files from which the apps of agents start them, through `styxy run`.

Claude Code's desktop app reads `.claude/launch.json`; Codex's app reads the actions in
`.codex/environments/environment.toml`. Both are the project's and shared, so an entry names nothing
of this machine. What is ours is known by its name; neither app was run with it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.client.agents.install.json_edits import appended, removed
from styxy.client.agents.install.json_spans import NotReadable, Part, Value, parse
from styxy.client.agents.install.settings_files import (
    check_ours_to_change,
    look,
    remove_directories,
    write,
)
from styxy.core.errors import Conflict

if TYPE_CHECKING:
    from styxy.client.agents.install.installing import Installer

MARK = " (Styxy)"
"""Ends the name of each entry of ours."""

LAUNCH_FILE = ".claude/launch.json"
ENVIRONMENT_FILE = ".codex/environments/environment.toml"

RUNNERS = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun", "bun.lockb": "bun"}
"""What runs the scripts of a package, by its lock file; npm where there is none of these."""

_NEW_LAUNCH = '{\n  "version": "0.0.1",\n  "configurations": []\n}\n'
_ACTION = re.compile(
    rf'(?:\r?\n)*\[\[actions\]\]\r?\nname = "[^"\r\n]*{re.escape(MARK)}"\r?\n'
    r"(?:(?:icon|command) = [^\r\n]*\r?\n)*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A script that starts a server: its words, and the port that it asks for."""

    script: str
    words: tuple[str, ...]
    port: int


def starts_of(project: str) -> list[Start]:
    """Find the scripts in a project's package.json that start a server on a known port."""
    from styxy.adapters.projects.project_files import ProjectFiles
    from styxy.core.commands.classify import classify
    from styxy.core.commands.project.files import json_object, strings

    runner = next(
        (name for lock, name in RUNNERS.items() if os.path.exists(os.path.join(project, lock))),
        "npm",
    )
    files = ProjectFiles(project)
    scripts = strings(json_object(files.read("package.json")).get("scripts"))
    found = []
    for script in scripts:
        words = (runner, "run", script)
        servers = classify(" ".join(words), project=files).servers
        ports = [each.port for each in servers if each.port is not None]
        if re.fullmatch(r"[\w:.-]+", script, re.ASCII) and ports:
            found.append(Start(script=script, words=words, port=ports[0]))
    return found


def with_launches(text: str | None, starts: list[Start]) -> str:
    """Put entries into `launch.json`, behind what is there. Raises `Conflict`."""
    left = without_launches(text) if text else _NEW_LAUNCH
    for start in starts:
        root, listed = _configurations(left)
        if listed is None:
            left = appended(left, root, root, [], "configurations")
            root, listed = _configurations(left)
        assert listed is not None
        entry = {
            "name": start.script + MARK,
            "runtimeExecutable": "styxy",
            "runtimeArgs": ["run", "--", *start.words],
            "port": start.port,
            "autoPort": True,
        }
        left = appended(left, root, listed, entry)
    return left


def without_launches(text: str) -> str:
    """Take our entries out of `launch.json`. Raises `Conflict`."""
    while True:
        root, listed = _configurations(text)
        ours = next((part for part in listed.parts if _is_ours(part)), None) if listed else None
        if listed is None or ours is None:
            return text
        text = removed(text, root, listed, ours)


def _configurations(text: str) -> tuple[Value, Value | None]:
    try:
        root = parse(text)
    except NotReadable as error:
        raise Conflict(
            f"{LAUNCH_FILE}:{error.line}:{error.column}: {error.sentence}; mend the file"
        ) from None
    part = root.get("configurations") if root.is_object else None
    if not root.is_object or (part is not None and not part.value.is_list):
        raise Conflict(f"{LAUNCH_FILE} has no list of configurations; mend the file")
    return root, part.value if part is not None else None


def _is_ours(part: Part) -> bool:
    data = part.value.data
    return isinstance(data, dict) and str(data.get("name")).endswith(MARK)


def with_actions(text: str | None, starts: list[Start], *, name: str) -> str:
    """Put actions at the end of `environment.toml`."""
    left = without_actions(text) if text else f"version = 1\nname = {_toml(name)}\n"
    for start in starts:
        command = " ".join(("styxy", "run", "--", *start.words))
        left = left.rstrip("\n") + (
            f'\n\n[[actions]]\nname = "{start.script}{MARK}"\nicon = "run"\ncommand = "{command}"\n'
        )
    return left


def _toml(name: str) -> str:
    """Quote a name for TOML, which knows no surrogate pairs and takes no DEL as it is."""
    known = name.encode(errors="replace").decode()  # a directory need not be UTF-8
    return json.dumps(known, ensure_ascii=False).replace("\x7f", "\\u007f")


def without_actions(text: str) -> str:
    """Take our actions out of `environment.toml`."""
    left = _ACTION.sub("\n\n", text)
    return left.rstrip("\n") + "\n" if left != text else text


def install_starts(agent: str, installer: Installer, project: str) -> list[str]:
    """Write a project's servers for an agent's app; say what was done, in a sentence each."""
    starts = starts_of(project) if agent in ("claude", "codex") else []
    if not starts:
        return []
    is_launch = agent == "claude"
    path = os.path.join(project, LAUNCH_FILE if is_launch else ENVIRONMENT_FILE)
    file = look(path)
    check_ours_to_change(file)
    name = os.path.basename(project)
    wanted = (
        with_launches(file.text, starts)
        if is_launch
        else with_actions(file.text, starts, name=name)
    )
    named = ", ".join(start.script for start in starts)
    if wanted != file.text:
        write(file, wanted.encode())
        installer.note_change(agent, file, look(path))
    return [f"its app starts these through Styxy: {named} ({path})"]


def uninstall_starts(agent: str, installer: Installer, project: str) -> None:
    """Take a project's servers out again; a file that we made goes."""
    if agent not in ("claude", "codex"):
        return
    is_launch = agent == "claude"
    path = os.path.join(project, LAUNCH_FILE if is_launch else ENVIRONMENT_FILE)
    file = look(path)
    if file.text is None or MARK not in file.text:
        return
    check_ours_to_change(file)
    if not installer.restore(file):
        left = without_launches(file.text) if is_launch else without_actions(file.text)
        write(file, left.encode())
    elif not is_launch:
        remove_directories([os.path.dirname(path)])
