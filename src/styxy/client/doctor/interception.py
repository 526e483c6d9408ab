"""Checks of interception: the variables of this shell, the library, one real bind, the kernel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from styxy.client.daemon.starting import NATIVE_LIBRARY
from styxy.client.doctor.verdict import Outcome, error, ok, warning
from styxy.client.interception.self_test import why_not
from styxy.client.interception.shell_env import meaningless
from styxy.core.config.environment import switch

if TYPE_CHECKING:
    from styxy.client.doctor.examination import Examination


def library(seen: Examination) -> Outcome:
    """See that the library loads."""
    trial = seen.trial
    assert trial.bind is not None
    if not trial.bind.was_loaded:
        path = str(trial.library)
        fix = f"rm {path} && pip install --force-reinstall styxy"
        return error(why_not(trial.bind, path), fix=fix)
    return ok(f"{trial.library} loads")


def bind(seen: Examination) -> Outcome:
    """See that a real bind of a busy port is moved."""
    if seen.other_network is not None:
        return warning("not tried: the daemon speaks of another network", fix=None)
    trial = seen.trial
    assert trial.bind is not None
    if trial.bind.was_moved and not trial.daemon:
        return ok(f"a bind of {trial.bind.asked} was moved; no daemon runs, so an asker stood in")
    if trial.bind.was_moved:
        return ok(f"a bind of the busy port {trial.bind.asked} was moved to {trial.bind.got}")
    return error(f"a bind is not moved: {why_not(trial.bind, str(trial.library))}",
                 fix="styxy daemon restart" if trial.daemon else "styxy daemon logs")  # fmt: skip


def shell(seen: Examination) -> Outcome:
    """See that the variables of this shell turn interception on, or nothing at all."""
    entries = seen.env.get("LD_PRELOAD", "").replace(":", " ").split()
    missing = [each for each in entries if "/" in each and not os.path.exists(each)]
    if missing:
        fix = "unset LD_PRELOAD"
        return error(f"LD_PRELOAD names a file that is gone: {missing[0]}", fix=fix)
    ignored = meaningless(seen.env, seen.paths)
    if ignored:
        names = " ".join(each.partition(" ")[0] for each in ignored)
        return warning("; ".join(ignored), fix=f"unset {names}")
    if switch(word := seen.env.get("STYXY_DISABLE_REASSIGN")):
        message = f"STYXY_DISABLE_REASSIGN={word} switches interception off in this shell"
        return warning(message, fix="unset STYXY_DISABLE_REASSIGN")
    ours = [each for each in entries if os.path.basename(each) == NATIVE_LIBRARY]
    if ours and seen.trial.library not in ours:
        message = f"this shell has the library of another Styxy: {ours[0]}"
        return warning(message, fix='eval "$(styxy env)"')
    return ok("this shell is activated" if ours else "this shell is not activated")


def seccomp(seen: Examination) -> Outcome:
    """See whether programs that no library reaches can be reached through the kernel."""
    from styxy.client.interception.backend import missing_supervisor

    reason = missing_supervisor(seen.paths)
    if reason is None:
        return ok("the kernel allows a supervisor: static programs and Go are reached")
    return warning(
        f"static programs and Go are not reached: {reason}",
        fix="styxy run --explain --backend seccomp -- true",
    )
