"""Which programs were told EADDRINUSE to find their own way, and which port each of them took.

In memory alone: after a restart of the daemon, a program that is on its way then is taken for one
that has asked for the first time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from styxy.core.model.programs import MOST_STEPS, SIDE_PORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from styxy.core.commands.conduct import Habit
    from styxy.core.decisions.requests import MoveRequest
    from styxy.core.model.leases import Holder
    from styxy.core.model.ports import Port, PortRange

MOST_PROGRAMS = 500
"""Programs that are remembered; the longest ago gives way."""

LONGEST_WAY = 10.0
"""Seconds from the last refusal to the listener: tools that step do it at once. One that asks its
user may take as long as it lives."""


class Way(Struct, kw_only=True):
    """One program image on its way: the process tree below `root`, what it was told, and when.

    `refused` are its requests by port, in order; `took` the ports that it listens on since, and
    `steps` how many numbers it was told of. One that `must_fail` has no place to go: if it still
    listens somewhere, it probes which number to propose to nobody (detect-port).
    """

    program: str
    root: int
    is_asking: bool
    is_known: bool
    must_fail: bool
    steps: int = 0
    at: float = 0.0
    refused: dict[Port, MoveRequest] = field(default_factory=dict)
    took: set[Port] = field(default_factory=set)


class Steered:
    """Remember who is on the way to a port of its own choice.

    `clock`: seconds since the epoch. `ephemeral`: the ports that a bind to 0 gets.
    """

    def __init__(self, *, clock: Callable[[], float], ephemeral: PortRange) -> None:
        self._clock = clock
        self._ephemeral = ephemeral
        self._ways: dict[str, Way] = {}

    def refuse(self, request: MoveRequest, habit: Habit, *, root: int) -> None:
        """Note that a program was told that a port is taken; `root` is its tool's first process."""
        way = self._ways.pop(request.image_id, None) or Way(
            program=habit.program,
            root=root,
            is_asking=habit.is_asking,
            is_known=habit.is_known,
            must_fail=habit.must_fail,
        )
        way.steps += request.asked not in way.refused
        way.refused.setdefault(request.asked, request)
        way.at = self._clock()
        self._ways[request.image_id] = way
        while len(self._ways) > MOST_PROGRAMS:
            del self._ways[next(iter(self._ways))]

    def is_stepping(self, image_id: str, asked: Port) -> bool:
        """Return whether a program was told so for a number a little below, or for this one.

        A tool of the table may go down, too (get-port from 3072 to 3000), until it has arrived.
        """
        way = self._ways.get(image_id)
        if way is None:
            return False
        lowest = -MOST_STEPS if way.is_known and not way.took else 0
        return any(lowest <= asked - each <= MOST_STEPS for each in way.refused)

    def first_step(self, image_id: str, port: Port) -> tuple[Port, int] | None:
        """Return the number from which a program steps, and how many it was told of, if `port` lies
        on its way.
        """
        way = self._ways.get(image_id)
        if way is None:
            return None
        begin = next((each for each in way.refused if 0 < port - each <= MOST_STEPS), None)
        return (begin, way.steps) if begin is not None else None

    def has_failed(
        self, habit: Habit, *, project: str | None, asked: Port, is_alive: Callable[[Holder], bool]
    ) -> bool:
        """Return whether a program that should have found its own way ended without listening.

        What the table cannot see, an exact port in a configuration file, ends it each time.
        """
        if habit.is_asking or habit.must_fail:
            return False
        return any(
            way.program == habit.program
            and not way.took
            and (request := way.refused.get(asked)) is not None
            and request.owner.project == project
            and not is_alive(request.holder)
            for way in self._ways.values()
        )

    def is_anybody_waited_for(self) -> bool:
        """Return whether some program may still listen on a port of its own choice."""
        return any(way.refused for way in self._ways.values())

    def land(self, image_id: str, tree: Collection[int], port: Port) -> MoveRequest | None:
        """Take a listener for the choice of a steered program; return what that was refused.

        `tree` are the listening process and those that it comes from: a tool that probes often
        hands the port over to another program.
        """
        way = self._ways.get(image_id) or next(
            (each for each in reversed(self._ways.values()) if each.root in tree), None
        )
        if way is None or not self._is_expected(way, port):
            return None
        asked = next((each for each in way.refused if self._is_near(way, each, port)), None)
        if asked is None:
            return None
        request = way.refused[asked]
        # The numbers in between were steps on the way, and no server's.
        begin = asked if asked < port else port - MOST_STEPS
        way.refused = {each: said for each, said in way.refused.items() if not begin <= each < port}
        way.refused.pop(asked, None)
        way.took.add(port)
        return request

    def has_listened(self, image_id: str) -> bool:
        """Return whether a steered program has found a port, by itself or by another process."""
        way = self._ways.get(image_id)
        return way is not None and bool(way.took)

    def took(self, image_id: str, port: Port) -> str:
        """Return the name of the program that chose a port by itself; "" if none did."""
        way = self._ways.get(image_id)
        return way.program if way is not None and port in way.took else ""

    def _is_expected(self, way: Way, port: Port) -> bool:
        is_late = not way.is_asking and self._clock() - way.at > LONGEST_WAY
        is_side = port in SIDE_PORTS or port in way.refused
        return not (is_late or is_side or way.must_fail)

    def _is_near(self, way: Way, asked: Port, port: Port) -> bool:
        """Tell whether a tool that wanted one port may have chosen another: those of the table may
        go down, too; any may let the kernel choose.
        """
        lowest = -MOST_STEPS if way.is_known else 1
        return lowest <= port - asked <= MOST_STEPS or port in self._ephemeral
