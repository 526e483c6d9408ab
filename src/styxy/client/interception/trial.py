"""One bind of a busy port, as a program of this shell would do it, and whether it was moved."""

from __future__ import annotations

import os

from styxy.client.daemon.starting import NATIVE_LIBRARY
from styxy.client.interception import self_test as proof
from styxy.client.interception.run import own_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.adapters.paths import Paths


class Trial:
    """Hold the outcome, in a sentence and in its parts.

    `active`: this shell gives the library to what it starts. `asked` and `got` are ports.
    """

    def __init__(
        self,
        *,
        works: bool,
        message: str,
        active: bool = False,
        daemon: bool = False,
        library: str | None = None,
        bind: proof.Bind | None = None,
    ) -> None:
        self.works = works
        self.message = message
        self.active = active
        self.daemon = daemon
        self.library = library
        self.bind = bind

    def told(self) -> dict[str, object]:
        """Say it as plain data."""
        return {
            "works": self.works,
            "message": self.message,
            "active": self.active,
            "daemon": self.daemon,
            "library": self.library,
            "asked": self.bind.asked if self.bind else None,
            "got": (self.bind.got or None) if self.bind else None,
        }


def attempt(env: Mapping[str, str], paths: Paths, *, runs: bool) -> Trial:
    """Try it, with the daemon where one `runs`. Raises `Unavailable` where that cannot be done."""
    library = own_library(paths)
    home = paths.home
    bind = proof.ask_daemon(library, env, project=home) if runs else proof.stand_in(library)
    works, message = _parse(bind, library, env, runs=runs)
    return Trial(
        works=works,
        message=message,
        active=is_active(env),
        daemon=runs,
        library=library,
        bind=bind,
    )


def is_active(env: Mapping[str, str]) -> bool:
    """Tell whether an environment gives the library to what it starts."""
    entries = env.get("LD_PRELOAD", "").replace(":", " ").split()
    return any(os.path.basename(entry) == NATIVE_LIBRARY for entry in entries)


def _parse(
    bind: proof.Bind, library: str, env: Mapping[str, str], *, runs: bool
) -> tuple[bool, str]:
    if env.get("STYXY_DISABLE_REASSIGN") == "1":
        return False, "STYXY_DISABLE_REASSIGN=1 switches interception off; try: unset it"
    if not bind.was_moved:
        return False, f"a bind is not moved: {proof.why_not(bind, library)}; try: styxy doctor"
    if not runs:
        return False, (
            "the library works, but no daemon is running, so no bind is moved; "
            "try: styxy daemon start -d"
        )
    moved = f"a bind of the busy port {bind.asked} was moved to {bind.got}"
    if is_active(env):
        return True, f"{moved}, and this shell is activated"
    return True, f'{moved}; for this shell: eval "$(styxy env)"'
