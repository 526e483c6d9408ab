"""Trust and distrust for Codex: what its app server writes, and how that is taken back.

Codex keeps the trust in its `config.toml`, and only Codex writes there. What was there before is
kept, and `distrust` puts it back as long as the file is as the trust left it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace

from styxy.client.agents.install.agents import Agent
from styxy.client.agents.install.codex_trust import AppServer
from styxy.client.agents.install.entries import commands
from styxy.client.agents.install.installing import Installer, Outcome
from styxy.client.agents.install.settings_files import look
from styxy.core.errors import NotFound

CONFIG = "config.toml"

LEFT = "the trust stays in {} and does no harm: Codex has changed the file since"


def trust(agent: Agent, installer: Installer, env: Mapping[str, str]) -> str:
    """Let Codex trust our hooks, and say so. Raises `NotFound`, `Conflict` or `Unavailable`."""
    program = shutil.which(agent.programs[0], path=env.get("PATH"))
    if program is None:
        raise NotFound("there is no program codex that could trust the hooks; see: codex --version")
    config = os.path.join(agent.directory(env), CONFIG)
    before = look(config)
    file = installer.file_of(agent)
    try:
        with AppServer(program, env, directory=installer.directory(agent)) as server:
            server.trust(file, commands(agent, installer.program()))
    finally:
        installer.note_change("codex-trust", before, look(config))
    return "Codex trusts the hooks"


def distrust(
    agent: Agent, installer: Installer, env: Mapping[str, str], outcome: Outcome
) -> Outcome:
    """Take the trust back that `trust` gave, as far as that can be done.

    That of a project's hooks stays: the file is the user's own, and others are trusted in it.
    """
    if installer.is_for_project:
        return outcome
    config = os.path.join(agent.directory(env), CONFIG)
    if installer.restore(look(config)) is False:
        return replace(outcome, notes=(*outcome.notes, LEFT.format(config)))
    return outcome
