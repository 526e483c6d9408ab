"""All about a port: who is there, whose it is, what that means here, how to stop it.

Facts go in, a `WhoReport` comes out; nothing is looked up. `client.inspection.who` has the facts.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from styxy.core.commands.programs import program_of
from styxy.core.model.service_types import SHARED_TYPES
from styxy.core.reports.cgroups import Unit
from styxy.core.reports.process_tree import below, job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from styxy.core.reports.process_tree import Process

Relation = Literal["own", "sibling", "other", "daemon", "unknown"]
"""Whose a server is, from the caller's point of view: this project's, another worktree's of the
same repo, another project's, or unknown."""

Engine = Literal["docker", "podman"]

PUBLISHERS = frozenset({"docker-proxy", "rootlessport", "conmon", "pasta", "slirp4netns"})
"""Processes that listen on behalf of a container; killing them leaves it running, unreachable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worktree:
    """A git worktree. `repo` is the directory of the repo that it belongs to."""

    path: str
    branch: str | None
    is_linked: bool
    repo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container that publishes a port, with its compose project if it has one."""

    engine: Engine
    id: str
    name: str
    image: str
    ports: tuple[int, ...] = ()
    compose_project: str | None = None
    compose_service: str | None = None
    compose_directory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeProcess:
    """One process of a server's tree. `listens`: it has the socket.

    `is_part`: it belongs to the server, so that stopping the server ends it.
    """

    pid: int
    parent: int
    name: str
    command: str | None
    directory: str | None
    user: str
    listens: bool
    is_part: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A command that stops a server, and its effect."""

    command: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server on the port. Times are RFC 3339; `tree` lists parents first."""

    protocol: str
    addresses: tuple[str, ...]
    pid: int | None
    process: str | None
    command: str | None
    directory: str | None
    user: str | None
    since: str | None
    project: str | None
    worktree: Worktree | None
    instance_id: str | None
    relation: Relation
    meaning: str | None
    caution: str | None
    unit: Unit | None
    container: Container | None
    tree: tuple[TreeProcess, ...]
    stop: tuple[Stop, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where a server is that asked for this port and was moved."""

    port: int
    project: str | None
    pid: int | None
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoReport:
    """Everything about a port. `lease` is in the API's shape.

    `leases_known` is False if no daemon could be asked; `notice` says why. `asked` is the port that
    the holder of this one had asked for, if it was moved here; `moved` are servers that asked for
    this one and were moved away.
    """

    port: int
    is_free: bool
    summary: str
    leases_known: bool
    notice: str | None
    lease: Mapping[str, object] | None
    asked: int | None
    moved: tuple[Move, ...]
    servers: tuple[Server, ...]
    stop: tuple[Stop, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What this caller lets through: STYXY_SIBLINGS and STYXY_SIBLINGS_ALLOW."""

    allows_all: bool = False
    allowed: frozenset[int] = frozenset()


def policy_of(siblings: str | None, allow: str | None) -> Policy:
    """Read the two variables; allowed ports that are not ports are ignored, as guests do."""
    words = (allow or "").replace(",", " ").split()
    ports = frozenset(int(word) for word in words if word.isascii() and word.isdigit())
    return Policy(allows_all=siblings == "allow", allowed=ports)


def meaning(
    relation: Relation,
    port: int,
    *,
    worktree: Worktree | None,
    service_type: str | None,
    is_singleton: bool,
    policy: Policy,
    own_place: int | None,
    is_place: bool = False,
) -> str | None:
    """Describe what a server is to the caller, and what happens when the caller's project connects.

    `own_place` is where the caller's own server for this port sits. `is_place`: the port was given
    to the server, and no worktree of its repo has ever asked for it.
    """
    if relation == "unknown":
        return None
    if relation == "own":
        return "this project's own server"
    if relation == "daemon":
        return "a Styxy daemon, which serves every project of its home"
    goes_home = own_place is not None and own_place != port
    home = f"under Styxy, connecting to {port} from here reaches this project's own {own_place}"
    if relation == "other":
        return f"another project's server; {home}" if goes_home else "another project's server"
    where = f" ({worktree.branch} at {worktree.path})" if worktree and worktree.branch else ""
    who = f"the server of another worktree of this repo{where}"
    if goes_home:
        return f"{who}; {home}"
    if is_singleton or service_type in SHARED_TYPES:
        return f"{who}; worktrees share {service_type} servers, so connecting from here reaches it"
    if is_place:
        return f"{who}; no worktree of it asks for {port}, so connecting from here reaches it"
    if policy.allows_all or port in policy.allowed:
        return f"{who}; STYXY_SIBLINGS lets connections from here reach it"
    return (
        f"{who}; under Styxy, connecting from here fails with ECONNREFUSED, so that it is never "
        f"mistaken for this project's own server; STYXY_SIBLINGS_ALLOW={port} allows it"
    )


def caution(relation: Relation) -> str | None:
    """Return a warning to read before stopping a server that is not the caller's own."""
    if relation in ("own", "daemon", "unknown"):
        return None
    return "it belongs to another project; leave it and get your own port with: styxy run -- CMD"


def ways_to_stop(
    port: int,
    holders: Sequence[int],
    table: Mapping[int, Process],
    *,
    container: Container | None,
    unit: Unit | None,
    daemon_home: str | None = None,
    is_own: bool = False,
) -> tuple[Stop, ...]:
    """List the ways to end a server and nothing else, the best first.

    `daemon_home` is that of a Styxy daemon that is not the caller's own; `is_own`: the server is
    the caller's.
    """
    known = [table[pid] for pid in holders if pid in table]
    others = others_to_stop(
        port, known, table, container=container, unit=unit, daemon_home=daemon_home
    )
    if others:
        return others
    kills = tuple(_kill(each.pid, table) for each in known)
    if not is_own or not kills:
        return kills
    whom = " and ".join(each.effect.removeprefix("ends ") for each in kills)
    return (Stop(command=f"styxy stop {port}", effect=f"ends {whom}"),)


def others_to_stop(
    port: int,
    known: Sequence[Process],
    table: Mapping[int, Process],
    *,
    container: Container | None,
    unit: Unit | None,
    daemon_home: str | None = None,
) -> tuple[Stop, ...]:
    """List the ways to end a server that must be ended by what runs it, or nothing if none is.

    That is a container engine, a service manager, or Styxy's own command for its daemon.
    """
    if container is not None:
        return _stop_container(container)
    if any(each.name in PUBLISHERS for each in known):
        effect = "shows the container that publishes the port"
        return (Stop(command=f"docker ps --filter publish={port}", effect=effect),)
    if any(is_daemon(each) for each in known):
        command, whose = "styxy daemon stop", "Styxy's daemon"
        if daemon_home is not None:
            command = f"STYXY_HOME={shlex.quote(daemon_home)} {command}"
            whose = f"the daemon of {daemon_home}"
        return (Stop(command=command, effect=f"stops {whose}; leases are kept"),)
    if unit is not None and all(_is_main(each.pid, table) for each in known):
        manager = "systemctl --user" if unit.scope == "user" else "sudo systemctl"
        effect = "stops the service; if killed instead, it may be restarted"
        return (Stop(command=f"{manager} stop {shlex.quote(unit.name)}", effect=effect),)
    return ()


def is_daemon(process: Process) -> bool:
    """Return whether a process is a Styxy daemon, of whichever home."""
    return is_server_command(process.words)


def is_server_command(words: Sequence[str]) -> bool:
    """Return whether a command line runs a Styxy daemon."""
    return "styxy.server" in words


def hidden(port: int, user: str, *, may_see: bool) -> Stop:
    """Say how to find out more about a server whose process is not visible.

    `may_see`: the caller may see the processes of that user, so this one runs elsewhere.
    """
    command = f"styxy who {port} --no-start"
    if may_see:
        effect = (
            "shows more outside this sandbox or container: the process is not visible from in here"
        )
        return Stop(command=command, effect=effect)
    return Stop(
        command=f"sudo {command}",
        effect=f"its process belongs to {user} and is visible only to root",
    )


def _is_main(pid: int, table: Mapping[int, Process]) -> bool:
    """Distinguish a service's own process from one that somebody started inside a service.

    Stopping the unit of a terminal, an agent or a build runner would end everything in it.
    """
    parent = table.get(job(pid, table)[0].parent)
    return parent is None or parent.pid == 1 or parent.name == "systemd"


def _stop_container(container: Container) -> tuple[Stop, ...]:
    name = shlex.quote(container.name)
    plain = Stop(
        command=f"{container.engine} stop {name}", effect="stops the container without removing it"
    )
    if container.compose_project is None or container.compose_service is None:
        return (plain,)
    project, service = (
        shlex.quote(each) for each in (container.compose_project, container.compose_service)
    )
    compose = Stop(
        command=f"{container.engine} compose -p {project} stop {service}",
        effect="stops the compose service",
    )
    return (compose, plain)


def _kill(pid: int, table: Mapping[int, Process]) -> Stop:
    members = job(pid, table)
    top = members[0]
    name = program_of(top.words) or top.name
    more = len(below(top.pid, table))
    what = f"{name} ({top.pid})" + (f" and its {more} descendants" if more > 1 else "")
    if more == 1:
        what += " and its child process"
    # Every launcher on the way: a shell does not pass the signal on.
    pids = " ".join(str(each.pid) for each in members)
    return Stop(command=f"kill -TERM {pids}", effect=f"ends {what}")
