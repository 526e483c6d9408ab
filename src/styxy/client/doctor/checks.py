"""The examination of an installation: a table of checks, each with its verdict and its fix.

The table below is the only list of checks. A check looks at one thing, never changes anything, and
never starts a daemon; what it cannot look at is a finding of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from styxy.client.doctor import files, interception, machine, running
from styxy.client.doctor.verdict import RANK, Outcome, Verdict, error
from styxy.core.errors import StyxyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from styxy.client.doctor.examination import Examination


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Name one check and what it looks at.

    `is_of_shell`: it is about what the shell starts that calls it, and says nothing to others.
    """

    name: str
    looks_at: str
    run: Callable[[Examination], Outcome]
    is_of_shell: bool = False


CHECKS: tuple[Check, ...] = (
    Check(name="daemon", looks_at="whether the daemon answers, and how fast", run=running.daemon),
    Check(name="version", looks_at="the versions of daemon and command", run=running.version),
    Check(name="alone", looks_at="other daemons of this home", run=running.alone),
    Check(name="service", looks_at="the service that restarts the daemon", run=running.service),
    Check(name="stalls", looks_at="whether the daemon ever stood still", run=running.stalls),
    Check(name="parts", looks_at="the other parts of the daemon", run=running.parts),
    Check(name="home", looks_at="owner and modes of STYXY_HOME and its files", run=files.home),
    Check(name="runtime", looks_at="owner and mode of the runtime directory", run=files.runtime),
    Check(name="sockets", looks_at="the daemon's sockets and their modes", run=files.sockets),
    Check(name="token", looks_at="the token for TCP and its mode", run=files.token),
    Check(name="configuration", looks_at="config.json", run=files.configuration),
    Check(name="database", looks_at="the journal and its backups", run=files.database),
    Check(
        name="leftovers", looks_at="files of dead daemons and older versions", run=files.leftovers
    ),
    Check(name="ports", looks_at="leases, port map and the kernel's listeners", run=machine.ports),
    Check(name="limits", looks_at="how many files may be open (RLIMIT_NOFILE)", run=machine.limits),
    Check(
        name="ephemeral", looks_at="the kernel's range for outgoing ports", run=machine.ephemeral
    ),
    Check(name="agents", looks_at="the hooks of coding agents", run=files.agents),
    Check(
        name="shell",
        looks_at="the variables of this shell",
        run=interception.shell,
        is_of_shell=True,
    ),
    Check(name="library", looks_at="whether the preload library loads", run=interception.library),
    Check(
        name="bind",
        looks_at="one real bind of a busy port",
        run=interception.bind,
        is_of_shell=True,
    ),
    Check(
        name="seccomp",
        looks_at="the backend for static programs and Go",
        run=interception.seccomp,
        is_of_shell=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Hold what one check found."""

    name: str
    looked_at: str
    verdict: Verdict
    message: str
    fix: str | None


def examine(seen: Examination) -> list[Finding]:
    """Run every check, in the order of the table; without a shell, what is not about one."""
    return [_found(check, seen) for check in CHECKS if seen.has_shell or not check.is_of_shell]


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """Name the worst verdict of all."""
    return max((each.verdict for each in findings), key=lambda each: RANK[each], default="ok")


def _found(check: Check, seen: Examination) -> Finding:
    try:
        outcome = check.run(seen)
    except StyxyError as failure:
        suggestions = failure.context.get("suggestions")
        first = str(suggestions[0]) if isinstance(suggestions, list) and suggestions else None
        outcome = error(failure.message, fix=first or "styxy daemon logs")
    except OSError as failure:
        outcome = error(f"it cannot be looked at: {failure}", fix="styxy daemon logs")
    return Finding(
        name=check.name,
        looked_at=check.looks_at,
        verdict=outcome.verdict,
        message=outcome.message,
        fix=outcome.fix,
    )
