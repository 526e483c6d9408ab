"""Requests to the desk and its answers: values without behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from msgspec import Struct

from styxy.core.model.leases import DEFAULT_NAME, NOBODY, Holder, Lease, Owner, Protocol

if TYPE_CHECKING:
    from styxy.core.books.events import Event
    from styxy.core.commands.conduct import Conduct
    from styxy.core.decisions.ranges import Proposal
    from styxy.core.model.ports import Port, PortRange

Reason = Literal["promised", "inuse", "shadowed", "placed", "returned", "chosen"]
"""Why a guest asks, in order: the map promises the port to another; the bind failed with
EADDRINUSE; another server already listens on that number at a loopback address; the map has a
place of this server for the port; the map remembers a place that the project left recently; a
program that found its own way listens on a port of its choice, and wants to know what to say."""


class LeaseRequest(Struct, frozen=True, kw_only=True):
    """A request for a port of a service type. `ttl` is in seconds.

    `confirm` is the token of the proposal that the user has seen, if a type must be confirmed.
    """

    service_type: str
    service_name: str = DEFAULT_NAME
    owner: Owner = NOBODY
    holder: Holder | None = None
    preferred_port: Port | None = None
    ttl: float | None = None
    protocol: Protocol = "tcp"
    sticky: bool = True
    reuse: bool = False
    dry_run: bool = False
    confirm: str | None = None


class InstanceRequest(Struct, frozen=True, kw_only=True):
    """A request to register an instance; `core.model.instances.Instance` explains the fields."""

    instance_id: str
    holder: Holder | None = None
    working_directory: str | None = None
    project: str | None = None
    template: str | None = None
    metadata: str | None = None
    port: Port | None = None
    service_type: str | None = None


class FormerHolder(Struct, frozen=True):
    """Who had a port, by a listener or a lease, until `until` (seconds since the epoch)."""

    owner: Owner
    until: float


class MoveRequest(Struct, frozen=True, kw_only=True):
    """A request to decide where a bind of `asked` should go.

    `image_id` identifies the program image. `lost` is the port that was answered before and whose
    bind failed. `service_type` is the declared one, `inferred_type` what the program is known for.
    `is_foreign`: another project's server is listening on the requested number. `listener` is the
    pid of that listener: 0 if it is not visible, None if there is none. `own` contains the
    requested and the lost port if this very server, and no other, listens there. `ephemeral` are
    the ports that the kernel uses for outgoing connections, which are chosen last.

    `avoided` are numbers that the project's repo has asked for, which are chosen last of all.

    `is_in_use`: something is listening on the requested number. `former` is the last holder of it
    from another project that is gone. `granted` is the lease that `styxy run` took for this
    program, as long as nothing listens on its port.

    `conduct` is how the program takes it that its port is taken; `must_fail`: it is not moved, and
    cannot find another port by itself. `leads_back`: it is on its way, and would come to its
    previous place if it were told that this free port is taken.
    """

    asked: Port
    owner: Owner
    holder: Holder
    image_id: str
    reason: Reason
    protocol: Protocol = "tcp"
    process: str = ""
    service_type: str | None = None
    inferred_type: str | None = None
    lost: Port | None = None
    is_foreign: bool = True
    listener: int | None = None
    own: frozenset[int] = frozenset()
    ephemeral: PortRange | None = None
    avoided: frozenset[int] = frozenset()
    is_in_use: bool = False
    former: FormerHolder | None = None
    granted: Lease | None = None
    conduct: Conduct = "moves"
    must_fail: bool = False
    leads_back: bool = False


class Grant(Struct, frozen=True):
    """A granted lease; `existing` if it was there already, as a singleton or through `reuse`.

    `made` is the range that was made for it.
    """

    lease: Lease
    existing: bool = False
    made: Proposal | None = None


class Kept(Struct, frozen=True):
    """The bind is not moved: its first real result stands."""


class Moved(Struct, frozen=True):
    """The bind is moved to the leased port; `is_new` if no process has been told about it yet.

    `took` is the name of the program if it found the port by itself; `outside` says who still looks
    for the requested port from outside of the project. `is_probe`: the program is known to try a
    port first, so that a socket which listens there once is not to be told of.
    """

    lease: Lease
    is_new: bool
    took: str = ""
    outside: str = ""
    is_probe: bool = False


class RunsAlready(Struct, frozen=True):
    """The port of the singleton that is already running; the pid is 0 if unknown."""

    port: Port
    service_type: str
    pid: int


class Taken(Struct, frozen=True):
    """The bind fails with EADDRINUSE, as without Styxy.

    `free` is a port that the program could be started on, where it must be told of one; `advice`
    then says so, as the rest of a line that begins with "Port 3000".
    """

    free: Port | None = None
    advice: str = ""


MoveAnswer = Kept | Moved | RunsAlready | Taken

Answer = TypeVar("Answer")


class Ruling(Struct, Generic[Answer], frozen=True):
    """A decision, and the events that make it take effect once they are written.

    `candidate` is a port that the decision depends on: probe it before writing anything.
    """

    answer: Answer
    events: tuple[Event, ...] = ()
    candidate: Port | None = None
