"""Whether the program that asks for a port runs already: the same one, in the same project.

On a number that is nobody's default, a program that finds its own port taken wants to know just
that: the port is a lock. Anywhere else, it may be its predecessor, which is about to end.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from styxy.core.commands.programs import runs_scripts, script_of
from styxy.core.model.programs import ProgramId

if TYPE_CHECKING:
    from styxy.core.decisions.desk import Desk
    from styxy.core.decisions.requests import MoveRequest
    from styxy.core.model.ports import Port
    from styxy.core.protocol.wire import BindQuestion
    from styxy.server.world.context import Context
    from styxy.server.world.listeners import Transport


class SameProgram:
    """Compare who asks for a port with who has it."""

    def __init__(self, context: Context, desk: Desk) -> None:
        self._context = context
        self._desk = desk

    def is_lock(self, request: MoveRequest) -> bool:
        """Return whether the asked port is a lock that the same program of this project holds.

        Before Linux 6.8 a bound, silent socket is not shown: its unseen holder counts as the same.
        """
        asked, project = request.asked, request.owner.project
        if request.reason != "inuse" or project is None or not self._may_be_lock(asked):
            return False
        transport: Transport = "udp" if request.protocol == "udp" else "tcp"
        sightings = self._context.listeners.sightings(asked, transport)
        holders = {
            each.pid: each.report.project if each.report else None
            for each in sightings
            if each.pid is not None
        }
        if transport == "tcp" and not sightings:
            silent = self._silent(asked)
            if not silent and not self._context.kernel.shows_bound:
                return True  # whoever has it cannot be seen here
            holders = dict.fromkeys(silent)
        return any(
            self._is_same(pid, request.holder.pid)
            and (reported or self._context.projects.of(pid)) == project
            for pid, reported in holders.items()
        )

    def may_let_go(self, question: BindQuestion, *, pid: int, project: str | None) -> bool:
        """Return whether the same program of this project listens on the asked port, and may end.

        Only listeners that a guest has reported count: to search for others takes too long. A lock
        is not waited for: whoever finds it taken gives up at once, as without Styxy.
        """
        if question.reason != "inuse" or question.protocol != "tcp" or project is None:
            return False
        listeners, port = self._context.listeners, question.port
        if self._may_be_lock(port) or None in (listeners.image_ids(port) or {None}):
            return False  # as of the last look: a report comes with one
        listeners.look_at(port, self._context.clock(), "tcp")
        images = listeners.image_ids(port)
        if not images or None in images or question.image_id in images:
            return False
        return any(
            each.report is not None
            and each.report.project == project
            and each.pid is not None
            and self._is_same(each.pid, pid)
            for each in listeners.sightings(port)
        )

    def _may_be_lock(self, port: Port) -> bool:
        """Return whether a number is nobody's default and in no configured range."""
        # Imported here: the table of tools takes 10 ms, and many daemons never need it.
        from styxy.core.commands.conduct import default_ports

        return port not in default_ports() and self._desk.configured.containing(port) is None

    def _silent(self, port: Port) -> set[int]:
        """Find who has bound a TCP port without listening."""
        inodes = self._context.kernel.bound_inactive(port)
        return set(self._context.processes.socket_owners(inodes).values()) if inodes else set()

    def _is_same(self, one: int, other: int) -> bool:
        processes = self._context.processes
        if one == other or processes.executable(one) != processes.executable(other):
            return False
        programs = [program_of_process(self._context, pid) for pid in (one, other)]
        return None not in programs and programs[0] == programs[1]


def program_of_process(context: Context, pid: int) -> ProgramId | None:
    """Identify a program by its executable and what that runs: a script, module or code."""
    processes = context.processes
    executable, command = processes.executable(pid), processes.command(pid)
    if executable is None or command is None:
        return None
    words = script_of(command)
    if words and not words[0].startswith("-"):
        words = (_canonical(context, pid, words[0]),)
    elif words[:1] == ("-jar",) and len(words) > 1:
        words = ("-jar", _canonical(context, pid, words[1]))
    return ProgramId(executable=executable, script=" ".join(words))


def is_one_program(program_id: ProgramId) -> bool:
    """Return whether an identity means one program: not an interpreter without a script's name."""
    script = program_id.script
    if script.startswith("-"):
        return script.startswith(("-m ", "-jar ", "-main "))
    return script != "" or not runs_scripts(program_id.executable)


def _canonical(context: Context, pid: int, path: str) -> str:
    return context.projects.canonical(os.path.join(context.processes.directory(pid) or "/", path))
