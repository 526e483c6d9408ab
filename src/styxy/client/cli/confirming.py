"""A service type that needs confirmation: show it, ask, then accept it or use another range."""

from __future__ import annotations

import re
import sys

from styxy.core.errors import ConfirmationRequired, InvalidInput
from styxy.core.messages import echo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.client.cli.command import Caller
    from styxy.client.daemon.connection import Answer


def confirmed(
    proposal: ConfirmationRequired, body: Mapping[str, object], caller: Caller, *, is_yes: bool
) -> Answer:
    """Repeat the request for a lease with the user's answer to the proposal.

    Raises the proposal again if nobody can be asked, or the user says no; nothing has changed.
    """
    if is_yes:
        return _ask(caller, {**body, "confirm": proposal.context.get("confirm")})
    is_typo = "did_you_mean" in proposal.context
    if is_typo or caller.wants_json or not (sys.stdin and sys.stdin.isatty()):
        raise proposal
    match _say(caller, f"{proposal.message} [y/N/customize] ").lower():
        case "y" | "yes":
            return _ask(caller, {**body, "confirm": proposal.context.get("confirm")})
        case "c" | "customize":
            _customize(str(proposal.context.get("service_type")), caller)
            return _ask(caller, body)
        case _:
            raise proposal


def _customize(name: str, caller: Caller) -> None:
    from datetime import date

    from styxy.client.daemon.configuration import ConfigurationAccess

    said = _say(caller, f"range for {name} (first-last): ")
    span = re.fullmatch(r"([0-9]{1,5})\s*-\s*([0-9]{1,5})", said)
    if span is None:
        raise InvalidInput(
            f"{echo(said)} is not a range; write it as first-last, such as 12000-12009; "
            "nothing has changed"
        )
    # Marked as made for a request, so that it can be undone like one that was only accepted.
    made = {"range": [int(span[1]), int(span[2])], "auto_allocated": date.today().isoformat()}
    ConfigurationAccess(caller.paths, caller.env).change({"service_types": {name: made}})
    caller.complain(
        f"New service type '{name}' configured: {span[1]}-{span[2]}; "
        f"to undo: styxy config undo-auto {name}"
    )


def _ask(caller: Caller, body: Mapping[str, object]) -> Answer:
    return caller.connection().ask("POST", "/allocate", body)


def _say(caller: Caller, question: str) -> str:
    # On standard error: standard output carries the port, and may be a pipe.
    caller.err.write(question)
    caller.err.flush()
    return sys.stdin.readline().strip()
