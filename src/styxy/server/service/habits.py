"""How the program that asks takes it that its port is taken, and what it is told if it must fail.

The kernel names the process; /proc shows its command line, its environment and those that it comes
from. Reading them costs some 0.3 ms, and only a bind that met a conflict pays for it.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING

from styxy.core.model.leases import Owner
from styxy.core.protocol.move_words import printable_name
from styxy.core.protocol.wire import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from styxy.adapters.processes import Processes
    from styxy.core.commands.conduct import Habit
    from styxy.core.decisions.requests import MoveRequest, Taken
    from styxy.core.model.leases import Lease
    from styxy.core.model.ports import Port
    from styxy.core.model.programs import Learned
    from styxy.server.world.context import Context
    from styxy.server.world.listeners import Transport

MOST_PARENTS = 6
"""From a tool's worker up to the package script that a person typed: node, sh, npm, and spare."""

LONGEST_ADVICE = 220
LONGEST_QUOTED = 480
"""Bytes of what a program is told: the library has room for 223, and for a line of 511."""


class Habits:
    """Read processes. `name_of` names a project for people, `lease_on` the lease of a port."""

    def __init__(
        self,
        context: Context,
        *,
        name_of: Callable[[Owner], str],
        lease_on: Callable[[Port], Lease | None],
    ) -> None:
        self._context = context
        self._lease_on = lease_on
        self._name_of = name_of

    def of(
        self, pid: int, asked: Port, *, image_id: str, learned: Learned | None
    ) -> tuple[Habit, int]:
        """Tell how a process takes it that the port `asked` is taken, and its tool's process.

        `learned` is what was learned of its program.
        """
        # Imported here: the table of tools takes 10 ms, and many daemons never need it.
        from styxy.core.commands.conduct import (
            Command,
            habit_of,
            may_be_of_table,
            variables_of_ports,
        )

        processes = self._context.processes
        variables = processes.variables(pid, *variables_of_ports())
        pids, words = [pid], [processes.command(pid) or [""]]
        if may_be_of_table(words[0]):  # what it comes from matters only then
            pids += islice(processes.parents(pid), MOST_PARENTS)
            words += [processes.command(each) or [""] for each in pids[1:]]
        lineage = [Command(words=tuple(each), variables=variables) for each in words]
        habit = habit_of(
            asked,
            lineage,
            has_terminal=processes.has_terminal(pid),
            is_stepping=self._context.steered.is_stepping(image_id, asked),
            learned=learned,
            wanted=self._context.live_config.configuration.on_conflict,
        )
        return habit, pids[habit.root]

    def advice(self, answer: Taken, *, request: MoveRequest, habit: Habit) -> str:
        """Say who has the port and what to type, as the rest of a line that begins with it."""
        step = "choose another port"
        if answer.free is not None:
            step = f"try: {habit.remedy.format(port=answer.free)}" if habit.remedy else ""
            step = step or f"try port {answer.free}"
        why = f"{habit.program} cannot take another one by itself here"
        if habit.conduct == "debugged":
            why = "a debugger's port is not moved"
        said = f"{self._whose(request)}, and {why}; {step}"
        shorter = (said, f"{self._whose(request)}; {step}", "is in use; choose another port")
        return next(each for each in shorter if _fits(each))

    def _whose(self, request: MoveRequest) -> str:
        """Say who has the asked port: a listener that can be seen, or whom it is promised to."""
        listeners = self._context.listeners
        transport: Transport = "udp" if request.protocol == "udp" else "tcp"
        sightings = listeners.sightings(request.asked, transport)
        pid = next((each.pid for each in sightings if each.pid is not None), None)
        if pid is None:
            promised = self._promised(request)
            return f"is promised to {promised}" if promised and not sightings else "is in use"
        name = printable_name(self._context.processes.name(pid) or "a process")
        reported = next((each.report.project for each in sightings if each.report), None)
        project = reported or self._context.projects.of(pid)
        if project is None or project == "/":
            return f"is in use by {name} (PID {pid})"
        whose = self._name_of(Owner(project=project))
        return f"is in use by {whose} ({name}, PID {pid})"

    def _promised(self, request: MoveRequest) -> str | None:
        lease = self._lease_on(request.asked)
        return self._name_of(lease.owner) if lease is not None else None


def is_container(processes: Processes, pid: int) -> bool:
    """Return whether a process stands for a container, or is in one that we are not in."""
    from styxy.core.reports.cgroups import container_of
    from styxy.core.reports.who_report import PUBLISHERS

    inside = container_of(processes.cgroup(pid))
    is_elsewhere = inside is not None and inside != container_of(processes.cgroup(os.getpid()))
    return is_elsewhere or processes.name(pid) in PUBLISHERS


def is_helper(processes: Processes, pid: int) -> bool:
    """Return whether a process is a helper that every project shares."""
    from styxy.core.commands.conduct import helpers, serves_every_project

    if processes.name(pid) not in helpers():
        return False
    return serves_every_project(processes.command(pid) or ("",))


def _fits(said: str) -> bool:
    return len(said.encode()) <= LONGEST_ADVICE and len(quote(said)) <= LONGEST_QUOTED
