"""Checks of interception: the variables of this shell, the library, one real bind, the kernel."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from styxy.adapters.portable.choice import moves_nothing, why
from styxy.client.daemon import preloading
from styxy.client.daemon.starting import NATIVE_SUPERVISOR
from styxy.client.doctor.fixes import reinstall, unwritable
from styxy.client.doctor.verdict import Outcome, error, ok, warning
from styxy.client.interception.run import own_library, packaged
from styxy.client.interception.self_test import ensure, why_not
from styxy.client.interception.shell_env import meaningless
from styxy.core.config.environment import switch
from styxy.core.errors import Unavailable

if TYPE_CHECKING:
    from styxy.client.doctor.examination import Examination

NOT_INTO_SYSTEMS = "; programs of macOS itself (sh, env, make) do not, nor does what they start"


def library(seen: Examination) -> Outcome:
    """See that the library loads."""
    if moves_nothing():
        return ok(f"not looked at: {why()}, and moves no ports")
    try:
        if not seen.has_shell:
            ours = own_library(seen.paths)
            ensure(ours)
            return ok(f"{ours} has moved a bind since this machine started")
        trial = seen.trial
    except Unavailable as failure:
        steps = failure.context.get("suggestions")
        fix = str(steps[0]) if isinstance(steps, list) and steps else _fix_of(seen)
        return error(failure.message, fix=fix)
    assert trial.bind is not None
    if not trial.bind.was_loaded:
        path = str(trial.library)
        return error(why_not(trial.bind, path), fix=f"rm {path} && {reinstall(seen.env)}")
    return ok(f"{trial.library} loads{NOT_INTO_SYSTEMS if sys.platform == 'darwin' else ''}")


def _fix_of(seen: Examination) -> str:
    """What brings the library into the home: a compiler, or a home that can be written."""
    closed = unwritable(seen.paths.home)
    if not os.path.exists(packaged(preloading.HERE.library)):
        return reinstall(seen.env)
    return closed[1] if closed else f"export STYXY_HOME=/tmp/styxy-home-{os.geteuid()}"


def bind(seen: Examination) -> Outcome:
    """See that a real bind of a busy port is moved."""
    if moves_nothing():
        return ok(f"not looked at: {why()}, and moves no ports")
    if seen.other_network is not None:
        return warning("not tried: the daemon speaks of another network", fix=None)
    try:
        trial = seen.trial
    except Unavailable:
        return warning("not tried: there is no library; see the check of it", fix=_fix_of(seen))
    assert trial.bind is not None
    if trial.bind.was_moved and not trial.daemon:
        return ok(f"a bind of {trial.bind.asked} was moved; no daemon runs, so an asker stood in")
    if trial.bind.was_moved:
        return ok(f"a bind of the busy port {trial.bind.asked} was moved to {trial.bind.got}")
    return error(f"a bind is not moved: {why_not(trial.bind, str(trial.library))}",
                 fix="styxy daemon restart" if trial.daemon else "styxy daemon logs")  # fmt: skip


def shell(seen: Examination) -> Outcome:
    """See that the variables of this shell turn interception on, or nothing at all."""
    way = preloading.HERE
    entries = way.entries(seen.env)
    missing = [each for each in entries if "/" in each and not os.path.exists(each)]
    if missing:
        fix = f"unset {way.variable}"
        return error(f"{way.variable} names a file that is gone: {missing[0]}", fix=fix)
    ignored = meaningless(seen.env, seen.paths)
    if ignored:
        names = " ".join(each.partition(" ")[0] for each in ignored)
        return warning("; ".join(ignored), fix=f"unset {names}")
    if switch(word := seen.env.get("STYXY_DISABLE_REASSIGN")):
        message = f"STYXY_DISABLE_REASSIGN={word} switches interception off in this shell"
        return warning(message, fix="unset STYXY_DISABLE_REASSIGN")
    ours = way.ours(seen.env)
    if ours and _library(seen) not in ours:
        message = f"this shell has the library of another Styxy: {ours[0]}"
        return warning(message, fix='eval "$(styxy env)"')
    return ok("this shell is activated" if ours else "this shell is not activated")


def _library(seen: Examination) -> str | None:
    try:
        return seen.trial.library
    except Unavailable:
        return None  # said by the check of the library


def seccomp(seen: Examination) -> Outcome:
    """See whether programs that no library reaches can be reached through the kernel."""
    from styxy.client.interception.backend import missing_supervisor
    from styxy.client.interception.macos import NO_SUPERVISOR

    if moves_nothing():
        return ok(f"not looked at: {why()}, and moves no ports")
    if sys.platform == "darwin":
        return ok(f"not looked at: {NO_SUPERVISOR}")
    reason = missing_supervisor(seen.paths)
    if reason is None:
        return ok("the kernel allows a supervisor: static programs and Go are reached")
    fix = "styxy run -s dev -- sh -c 'exec COMMAND --port $PORT'"
    if not os.path.exists(packaged(NATIVE_SUPERVISOR)):
        fix = reinstall(seen.env)
    return warning(f"static programs and Go are not reached: {reason}", fix=fix)
