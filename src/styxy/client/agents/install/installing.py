"""Install an agent's hooks, remove them, and tell how they stand.

The order of the steps makes an interruption harmless: the copy of what was there, the file itself
in one step, and then the record of it. Without the record, ours is still found and cut out.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from styxy.adapters.paths import Paths
from styxy.client.agents.hook_program import installed_hook
from styxy.client.agents.install.agents import Agent
from styxy.client.agents.install.entries import Post, Program, entries
from styxy.client.agents.install.hooks_document import HooksDocument
from styxy.client.agents.install.plugin_script import PluginScript
from styxy.client.agents.install.records import PRIVATE, Record, Records, digest
from styxy.client.agents.install.settings_files import (
    SettingsFile,
    check_ours_to_change,
    delete,
    look,
    remove_directories,
    write,
)
from styxy.core.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one agent's file; `backup` is where the content before is."""

    agent: str
    action: str
    file: str
    backup: str | None = None
    notes: tuple[str, ...] = ()


class Installer:
    """Installs user-wide, or into a project, whose files may be shared with other machines."""

    def __init__(self, paths: Paths, env: Mapping[str, str], *, project: str | None = None) -> None:
        self._paths = paths
        self._env = env
        self._project = project
        self._records = Records(paths)

    @property
    def is_for_project(self) -> bool:
        """Tell whether it installs into a project."""
        return self._project is not None

    def file_of(self, agent: Agent) -> str:
        """Name the file that holds an agent's hooks."""
        if self._project is not None:
            return os.path.join(self._project, agent.project_file)
        return os.path.join(agent.directory(self._env), agent.file)

    def directory(self, agent: Agent) -> str:
        """Name the directory in which a session would see the hooks."""
        return self._project or agent.directory(self._env)

    def is_found(self, agent: Agent) -> bool:
        """Tell whether an agent is on this machine, by its program or its directory."""
        path = self._env.get("PATH")
        return os.path.isdir(agent.directory(self._env)) or any(
            shutil.which(program, path=path) for program in agent.programs
        )

    def program(self) -> Program:
        """Name what the hooks call."""
        if self._project is not None:
            return Program()
        return Program(self._paths.in_home("bin", "styxy-hook"))

    def document(self, agent: Agent, post: Post | None = None) -> HooksDocument | PluginScript:
        """Give what an agent's file is to hold."""
        where = self.file_of(agent)
        if agent.is_script:
            return PluginScript(self.program(), where=where)
        return HooksDocument(agent, entries(agent, self.program(), post), where=where)

    def install(self, agent: Agent, post: Post | None = None) -> Outcome:
        """Put the hooks into the agent's file, if they are not there as they should be.

        Raises `NotFound` if the agent is not on this machine, `Conflict` or `Unavailable` if its
        file cannot be changed; the file is then as it was.
        """
        if self._project is None and not self.is_found(agent):
            directory = agent.directory(self._env)
            needed = shlex.quote(os.path.realpath(directory))  # mkdir follows no link to nowhere
            raise NotFound(
                f"{agent.title} is not on this machine: no program {agent.programs[0]}, "
                f"no directory {directory}; to install all the same: mkdir -p {needed}"
            )
        file = look(self.file_of(agent))
        check_ours_to_change(file)
        text = file.text
        document = self.document(agent, post)
        wanted = document.with_ours(text)
        mode = file.mode & PRIVATE if post is not None else file.mode
        if self._project is None:
            installed_hook(self._paths)
        notes = _notes(document, wanted, file.path)
        if wanted == text and mode == file.mode:
            return Outcome(agent=agent.name, action="unchanged", file=file.path, notes=notes)
        was_there = text is not None and document.has_ours(text)
        record = self._write(agent, file, wanted, mode=mode)
        return Outcome(
            agent=agent.name,
            action="updated" if was_there else "installed",
            file=file.path,
            backup=record.backup,
            notes=notes,
        )

    def _write(self, agent: Agent, file: SettingsFile, wanted: str, *, mode: int) -> Record:
        with self._records.locked():
            before = self._before(agent, file)
            directories = write(file, wanted.encode(), mode=mode)
            record = Record(
                agent=agent.name,
                file=file.path,
                digest=digest(wanted.encode()),
                backup=before.backup,
                mode=file.mode if before.mode is None and mode != file.mode else before.mode,
                directories=directories or before.directories,
                empty=before.empty,
            )
            self._records.keep(record, file)
        return record

    def _before(self, agent: Agent, file: SettingsFile) -> Record:
        """Describe the file as it would be without us, and keep a copy of that."""
        known = self._records.find(file)
        if known is not None and known.is_untouched(file):
            return known
        text, document = file.text, self.document(agent)
        left, backup = text, None
        if text and document.has_ours(text):
            left = document.without_ours(text)
            is_new = known.backup is None if known is not None else agent.has_only_hooks
            left = None if is_new and document.is_bare(left) else left
        if left is not None:
            backup = self._records.back_up(agent.name, file, left.encode())
        return Record(
            agent=agent.name,
            file=file.path,
            digest="",
            backup=backup,
            mode=known.mode if known is not None else None,
            directories=known.directories if known is not None else [],
            empty=[list(path) for path in document.empty(left)] if left else [],
        )

    def uninstall(self, agent: Agent) -> Outcome:
        """Take the hooks out of the agent's file. Raises as `install` does."""
        file = look(self.file_of(agent))
        document = self.document(agent)
        if file.content is None or not may_have_ours(file.content):
            return Outcome(agent=agent.name, action="absent", file=file.path)
        text = file.text
        if text is None or not document.has_ours(text):
            return Outcome(agent=agent.name, action="absent", file=file.path)
        check_ours_to_change(file)
        notes: tuple[str, ...] = ()
        if agent.name == "codex" and isinstance(document, HooksDocument):
            notes = () if document.is_last(text) else (MOVED,)
        with self._records.locked(makes=False):
            record = self._records.find(file)
            left = _left(agent, document, file, record)
            if left is None:
                delete(file)
                remove_directories(record.directories if record is not None else [])
            else:
                write(file, left, mode=record.mode_for(file) if record is not None else file.mode)
            self._records.forget(file)
        return Outcome(agent=agent.name, action="removed", file=file.path, notes=notes)

    def note_change(self, agent: str, before: SettingsFile, after: SettingsFile) -> None:
        """Record a change that somebody else made for us, so that it can be taken back."""
        if after.content is None or after.content == before.content:
            return
        with self._records.locked():
            known = self._records.find(before)
            if known is not None and known.is_untouched(before):
                backup = known.backup
            else:
                content = before.content
                backup = self._records.back_up(agent, before, content) if content else None
            record = Record(
                agent=agent,
                file=after.path,
                digest=digest(after.content),
                backup=backup,
            )
            self._records.keep(record, after)

    def restore(self, file: SettingsFile) -> bool | None:
        """Take a recorded change back; None if there was none, False if another came since."""
        record = self._records.find(file)
        if record is None:
            return None
        original = record.original()
        with self._records.locked(makes=False):
            self._records.forget(file)
            if not record.is_untouched(file) or (record.backup is not None and original is None):
                return False
            if original is None:
                delete(file)
            else:
                write(file, original)
        return True


MOVED = (
    "your own hooks stood behind Styxy's and have moved up, and Codex trusts a hook by its place; "
    "trust them again: start codex and type /hooks"
)


def _notes(document: HooksDocument | PluginScript, text: str, where: str) -> tuple[str, ...]:
    """Say what keeps installed hooks from being called."""
    if not isinstance(document, HooksDocument):
        return ()
    name, refused = document.switched_off(text), document.refused(text)
    notes = [f"but {name} in {where} turns all hooks off"] if name else []
    return (*notes, *([f"but {refused}"] if refused else []))


def may_have_ours(content: bytes) -> bool:
    """Tell at a glance whether hooks of ours may be there: what is broken need not be read."""
    return b"styxy-hook" in content or b"/hooks/" in content


def _left(
    agent: Agent,
    document: HooksDocument | PluginScript,
    file: SettingsFile,
    record: Record | None,
) -> bytes | None:
    """Find what a file holds without us; None if it may go."""
    is_new = record is not None and record.backup is None
    if record is not None and record.is_untouched(file):
        original = record.original()
        if is_new or original is not None:
            return original
    keep = [tuple(path) for path in record.empty] if record is not None else []
    left = document.without_ours(file.text or "", keep=keep)
    is_ours_alone = is_new or (record is None and agent.has_only_hooks)
    return None if is_ours_alone and document.is_bare(left) else left.encode()
