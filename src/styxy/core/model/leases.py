"""Leases: who was promised which port. Values; `core.books.lease_index` holds the live ones.

The journal's codec reads the annotations at run time, so the names in them are real imports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from styxy.core.hashing import owner_key
from styxy.core.model.ports import Port

Protocol = Literal["tcp", "udp", "both"]
State = Literal["reserved", "bound"]

DEFAULT_INSTANCE = "default"
DEFAULT_NAME = "unnamed-service"

TRIAL_INSTANCE = "styxy-trial"
"""The instance of Styxy's own test of whether a bind is moved: nothing about it is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One process, identified for good: a pid alone is reused after the process dies.

    `start_time` is field 22 of /proc/pid/stat (proc(5)), in clock ticks since boot; `boot` is the
    kernel's boot id.
    """

    pid: int
    start_time: int
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who a port is promised to: a project, or an instance if no project is known."""

    project: str | None = None
    instance_id: str = DEFAULT_INSTANCE

    @property
    def key(self) -> int:
        """The owner as one word of the port map."""
        return owner_key(project=self.project, instance_id=self.instance_id)

    @property
    def is_on_trial(self) -> bool:
        """Whether this is Styxy itself, testing whether a bind is moved."""
        return self.instance_id == TRIAL_INSTANCE

    @property
    def is_nobody(self) -> bool:
        """Whether neither a project nor an instance is known."""
        return self.project is None and self.instance_id == DEFAULT_INSTANCE

    def is_same(self, other: Owner) -> bool:
        """Return whether both share their promises: sessions in one worktree are one project."""
        if self.project or other.project:
            return self.project == other.project
        return self.instance_id == other.instance_id


NOBODY = Owner()
"""The owner if neither project nor instance is known."""


CauseKind = Literal["in use", "promised", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a bind did not get the port that it asked for.

    `in use`: something listens there. `promised`: nobody does, and the port is on lease to `owner`.
    `left`: `owner` had it until `until` (seconds since the epoch) and may come back.
    """

    kind: CauseKind = "in use"
    owner: Owner = NOBODY
    until: float = 0.0


IN_USE = Cause()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One port promised to one holder. Times are seconds since the epoch.

    `asked` is the port that a program asked for if the lease is a move, `image_id` the program
    image that got it, and `cause` the reason. `is_adopted`: the lease had been granted, as by
    `styxy run -s`, before a bind was moved onto it. `is_probe`: the bind was only a probe. With
    `expires_at` None, the lease ends with its holder; with `is_lent`, it goes back to its project
    instead.
    """

    lease_id: str
    port: Port
    service_type: str
    service_name: str = DEFAULT_NAME
    owner: Owner = NOBODY
    holder: Holder | None = None
    protocol: Protocol = "tcp"
    state: State = "reserved"
    allocated_at: float
    last_seen: float
    expires_at: float | None = None
    asked: Port | None = None
    image_id: str | None = None
    is_lent: bool = False
    cause: Cause | None = None
    is_adopted: bool = False
    is_probe: bool = False

    @property
    def was_made_for_bind(self) -> bool:
        """Whether it exists only because a bind was moved, and nobody had requested a lease."""
        return self.asked is not None and not self.is_adopted
