"""How the hooks of each agent stand on this machine. Looks, and changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from styxy.client.agents.install.agents import AGENTS, Agent
from styxy.client.agents.install.codex_trust import AppServer
from styxy.client.agents.install.entries import commands, posts
from styxy.client.agents.install.hooks_document import HooksDocument
from styxy.client.agents.install.installing import Installer, may_have_ours
from styxy.client.agents.install.settings_files import look
from styxy.core.errors import StyxyError

TRUST_PATIENCE = 5.0
"""Seconds that a look at the trust may take; it usually takes one."""

HAS_HOOKS = ("current", "outdated", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One file of an agent; `problem` says what is wrong.

    `state` is absent, current, outdated, off (by a setting of the agent) or broken.
    """

    scope: str
    file: str
    state: str
    uses_http: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One agent. `trusted` is None where that is not asked, or cannot be found out."""

    agent: str
    title: str
    found: bool
    places: tuple[Place, ...]
    trusted: bool | None
    limits: tuple[str, ...]

    @property
    def installed(self) -> bool:
        """Tell whether hooks of ours are anywhere."""
        return any(place.state in HAS_HOOKS for place in self.places)


def status(agent: Agent, user: Installer, project: Installer, env: Mapping[str, str]) -> Status:
    """Look at the files of an agent, and ask Codex whether it trusts the hooks."""
    places = (_place(agent, user, "user"), _place_of_project(agent, user, project))
    trusted = None
    if agent.name == "codex":
        trusted = _trust(agent, user, places[0], env)
    return Status(
        agent=agent.name,
        title=agent.title,
        found=user.is_found(agent),
        places=places,
        trusted=trusted,
        limits=agent.limits,
    )


def places_of_user(user: Installer) -> dict[str, Place]:
    """Find the files of a user in which hooks of ours are, or were before they broke, by agent."""
    found = {agent.name: _place(agent, user, "user") for agent in AGENTS}
    return {
        name: place
        for name, place in found.items()
        if place.state in HAS_HOOKS or (place.state == "broken" and _names_ours(place.file))
    }


def _names_ours(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return may_have_ours(file.read())
    except OSError:
        return False  # EACCES, EISDIR: what cannot be read has not been written by us


def _place_of_project(agent: Agent, user: Installer, project: Installer) -> Place:
    path = project.file_of(agent)
    if os.path.realpath(path) == os.path.realpath(user.file_of(agent)):
        return Place(scope="project", file=path, state="absent")  # in the home, the user's counts
    return _place(agent, project, "project")


def _place(agent: Agent, installer: Installer, scope: str) -> Place:
    path = installer.file_of(agent)
    try:
        text = look(path).text
        document = installer.document(agent)
        if text is None or not document.has_ours(text):
            return Place(scope=scope, file=path, state="absent")
        sent = posts(text) if not agent.is_script else None
        if sent is not None:
            document = installer.document(agent, sent)
        problem = _problem(agent, installer, is_current=document.with_ours(text) == text)
        name = document.switched_off(text) if isinstance(document, HooksDocument) else None
        problem = f"{name} in {path} turns all hooks off" if name else problem
        refused = document.refused(text) if isinstance(document, HooksDocument) else None
    except StyxyError as error:
        return Place(scope=scope, file=path, state="broken", problem=error.message)
    if refused is not None:
        return Place(scope=scope, file=path, state="broken", problem=refused)
    state = "off" if name else "current" if problem is None else "outdated"
    return Place(scope=scope, file=path, state=state, uses_http=sent is not None, problem=problem)


def _problem(agent: Agent, installer: Installer, *, is_current: bool) -> str | None:
    program = installer.program().path
    if program is not None and not os.access(program, os.X_OK):
        return f"{program} is missing; try: styxy agent install {agent.name}"
    option = " --project" if program is None else ""
    if not is_current:
        return f"the hooks are of another version; try: styxy agent install {agent.name}{option}"
    return None


def _trust(agent: Agent, user: Installer, place: Place, env: Mapping[str, str]) -> bool | None:
    program = shutil.which(agent.programs[0], path=env.get("PATH"))
    if program is None or place.state not in HAS_HOOKS:
        return None
    directory = os.path.dirname(place.file)
    try:
        with AppServer(program, env, directory=directory, patience=TRUST_PATIENCE) as server:
            hooks = server.hooks(place.file, commands(agent, user.program()))
    except StyxyError:
        return None  # Codex does not answer, or in words of another version
    return bool(hooks) and all(hook.is_trusted for hook in hooks)
