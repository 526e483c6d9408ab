"""Checks of the machine: ports as the kernel shows them, limits, the range of outgoing ports."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from styxy.adapters.kernel import ephemeral_ports, reserved_ports
from styxy.adapters.portable.choice import open_kernel
from styxy.client.cli.range_import import types_of
from styxy.client.doctor.running import RESTART, from_health
from styxy.client.doctor.verdict import Outcome, error, ok, warning, worst
from styxy.client.text.render import objects
from styxy.core.messages import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from styxy.client.doctor.examination import Examination

FEWEST_DESCRIPTORS = 1024
"""Open files that a process may have on any ordinary system; the daemon watches one a holder."""


def ports(seen: Examination) -> Outcome:
    """Compare what the daemon knows with what the kernel shows, and with what guests are shown."""
    if seen.status is None:
        return ok("no daemon to compare the kernel with")
    leases = objects(seen.asked("/allocations").get("allocations"))
    listening = _listening()
    lost = [
        each for each in leases if each.get("state") == "bound" and each["port"] not in listening
    ]
    if lost:  # it may have ended between the two looks
        ended = objects(seen.asked("/allocations").get("allocations"))
        still = {each["port"] for each in ended if each.get("state") == "bound"}
        lost = [each for each in lost if each["port"] in still - _listening()]
    if lost:
        named = ", ".join(str(each["port"]) for each in lost[:20])
        return error(
            f"the daemon takes ports for used on which nothing listens: {named}", fix=RESTART
        )
    squatted = _squatted(seen, [each for each in leases if each["port"] in listening])
    outcomes = [
        ok(f"{counted(len(leases), 'lease')} in agreement with the kernel"),
        from_health(seen, "port map", fix=RESTART),
    ]
    if squatted:
        named = ", ".join(str(each["port"]) for each in squatted[:20])
        message = f"others listen on ports that are on lease: {named}"
        outcomes.append(warning(message, fix=f"styxy who {squatted[0]['port']}"))
    return worst(outcomes)


def _squatted(seen: Examination, in_use: list[dict[str, object]]) -> list[dict[str, object]]:
    """List the leases in use on whose port another project listens than the one that has it.

    The daemon takes a lease for used if its owner may be the listener; where that cannot be told,
    the projects may still differ.
    """
    observed = objects(seen.asked("/observe/all").get("observations")) if in_use else []
    servers = {each["port"]: each for each in observed}
    squatted = []
    for lease in in_use:
        server = servers.get(lease["port"], {})
        projects = {lease.get("project_path"), server.get("project")} - {None}
        is_strange = len(projects) > 1 and server.get("pid") != lease.get("pid")
        if is_strange or lease.get("state") == "reserved":
            squatted.append(lease)
    return squatted


def limits(seen: Examination) -> Outcome:
    """See that this shell and the daemon may open enough files."""
    here, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fix = f"ulimit -n {min(hard, 4096)}"
    if 0 <= hard < FEWEST_DESCRIPTORS:  # only root raises the hard limit (getrlimit(2))
        fix = f"sudo prlimit --nofile=4096:4096 --pid {os.getppid()}"
    outcomes = [_limit("this shell", here, fix=fix)] if seen.has_shell else []
    pid = seen.status.get("pid") if seen.status else None
    if isinstance(pid, int):
        if not hasattr(resource, "prlimit"):
            return worst([*outcomes, ok("that of the daemon is not shown here")])
        theirs = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
        outcomes.append(_limit("the daemon", theirs, fix=f"ulimit -n 4096 && {RESTART}"))
    return worst(outcomes or [ok("no daemon to look at")])


def ephemeral(seen: Examination) -> Outcome:
    """See that the kernel gives no managed port to outgoing connections."""
    span, reserved = ephemeral_ports(), reserved_ports()
    crossing = [
        (each.name, part)
        for each in types_of(seen.configuration)
        for part in each.ranges
        if part.first <= span.last
        and span.first <= part.last
        and any(port in span and port not in reserved for port in part)
    ]
    if not crossing:
        return ok(f"{span.first}-{span.last} overlaps no range")
    named = ", ".join(f"{name} {part.first}-{part.last}" for name, part in crossing)
    # What is reserved already must stay so: the new list takes the place of the old one.
    parts = [*_spans(reserved), *(f"{part.first}-{part.last}" for _, part in crossing)]
    wanted = ",".join(parts)
    return warning(
        f"outgoing connections get ports {span.first}-{span.last}, which overlaps {named}",
        fix=f"sudo sysctl -w net.ipv4.ip_local_reserved_ports={wanted}",
    )


def _spans(ports: Iterable[int]) -> list[str]:
    """Write ports as first-last, without a gap in any of them."""
    spans: list[list[int]] = []
    for port in sorted(ports):
        if spans and spans[-1][1] == port - 1:
            spans[-1][1] = port
        else:
            spans.append([port, port])
    return [f"{first}-{last}" for first, last in spans]


def _listening() -> set[object]:
    kernel = open_kernel()
    try:
        return {each.port for udp in (False, True) for each in kernel.listeners(udp=udp)}
    finally:
        kernel.close()


def _limit(who: str, number: int, *, fix: str) -> Outcome:
    if number == resource.RLIM_INFINITY or number >= FEWEST_DESCRIPTORS:
        return ok(f"{who} may open {'any number of' if number < 0 else number} files")
    return warning(f"{who} may open {number} files only", fix=fix)
