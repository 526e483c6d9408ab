"""config auto-allocation, config undo-auto: auto-allocated service types."""

from __future__ import annotations

from styxy.client.cli.command import Command
from styxy.client.cli.values import query, quoted, service_type
from styxy.core.errors import InvalidInput, NotFound
from styxy.core.messages import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from styxy.client.cli.command import Caller, Parser
    from styxy.client.daemon.connection import Answer

ACTIONS = ("status", "enable", "disable", "list", "undo")


def add_options(parser: Parser) -> None:
    """Add the options of `config auto-allocation`."""
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=", ".join(ACTIONS))
    parser.add_argument(
        "service_type", metavar="TYPE", nargs="?", type=service_type, help="service type to undo"
    )
    _add_force(parser)


def auto_allocation(options: Namespace, caller: Caller) -> int:
    """Show, switch or undo auto-allocation."""
    if (options.action == "undo") != (options.service_type is not None):
        raise InvalidInput(
            "give TYPE with undo, and only with undo; see: styxy config auto-allocation --help",
            suggestions=["styxy config auto-allocation list"],
        )
    match options.action:
        case "enable" | "disable":
            return _switch(caller, is_on=options.action == "enable")
        case "undo":
            return _undo(caller, options.service_type, force=options.force)
        case "list":
            answer = caller.connection().ask("GET", "/auto-allocation")
            caller.show(answer, _listed(answer))
        case _:
            answer = caller.connection().ask("GET", "/auto-allocation")
            caller.show(answer, _status(answer))
    return 0


def add_undo_options(parser: Parser) -> None:
    """Add the options of `config undo-auto`."""
    parser.add_argument(
        "service_type",
        metavar="TYPE",
        nargs="?",
        type=service_type,
        help="service type (the last one made)",
    )
    _add_force(parser)


def undo_last(options: Namespace, caller: Caller) -> int:
    """Undo an auto-allocated type, the last one unless one is named."""
    name = options.service_type
    if name is None:
        made = _made(caller.connection().ask("GET", "/auto-allocation"))
        if not made:
            raise NotFound("no service type was auto-allocated, so there is nothing to undo")
        name = str(made[-1]["service_type"])
    return _undo(caller, name, force=options.force)


def _add_force(parser: Parser) -> None:
    parser.add_argument(
        "--force", action="store_true", help="end its leases too, except those in use"
    )


def _switch(caller: Caller, *, is_on: bool) -> int:
    from styxy.client.daemon.configuration import ConfigurationAccess
    from styxy.client.text import config_text

    access = ConfigurationAccess(caller.paths, caller.env)
    answer = access.change({"auto_allocation": {"enabled": is_on}})
    caller.show(answer, config_text.changed(answer.data))
    return 0


def _undo(caller: Caller, name: str, *, force: bool) -> int:
    path = f"/auto-allocation/{quoted(name)}{query(force='true' if force else None)}"
    answer = caller.connection().ask("DELETE", path)
    caller.show(answer, str(answer.data.get("message", "")))
    return 0


_KEY_WIDTH = 20  # `require_confirmation` is the longest setting


def _status(answer: Answer) -> str:
    from styxy.client.text import render

    made = _made(answer)
    state = "on" if answer.data.get("enabled") else "off"
    types = counted(len(made), "service type")
    lines = [f"auto-allocation is {state}; {types} auto-allocated"]
    lines += [f"  {name.ljust(_KEY_WIDTH)}  {value}" for name, value in _settings(answer)]
    for each in made:
        lines.append(f"{each['service_type']}  {_ranges(each)}  since {each['auto_allocated']}")
        lines += [f"  {render.lease_row(lease)}" for lease in render.objects(each.get("leases"))]
    return "\n".join(lines)


def _settings(answer: Answer) -> list[tuple[str, str]]:
    """List the settings and rules, as text; booleans as config.json spells them."""
    settings, rules = answer.data.get("settings"), answer.data.get("rules")
    found: list[tuple[str, object]] = []
    if isinstance(settings, dict):
        found += [(name, value) for name, value in settings.items() if name != "enabled"]
    if isinstance(rules, dict):
        for pattern, rule in rules.items():
            said = ", ".join(f"{name} {value}" for name, value in rule.items())
            found.append((f"rule {pattern}", said))
    return [(name, _word(value)) for name, value in found]


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(answer: Answer) -> str:
    from styxy.client.text import render

    rows = [
        (
            str(each["service_type"]),
            _ranges(each),
            str(each["allocations"]),
            str(each["auto_allocated"]),
        )
        for each in _made(answer)
    ]
    return render.table(("TYPE", "RANGE", "LEASES", "MADE"), rows)


def _made(answer: Answer) -> list[Mapping[str, object]]:
    listed = answer.data.get("service_types")
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _ranges(made: Mapping[str, object]) -> str:
    return ", ".join(f"{first}-{last}" for first, last in _spans(made))


def _spans(made: Mapping[str, object]) -> list[list[int]]:
    ranges = made.get("ranges")
    return ranges if isinstance(ranges, list) else []


COMMANDS = (
    Command(
        "config auto-allocation",
        "Show, switch or undo auto-allocation of unknown service types.",
        example="styxy config auto-allocation list",
        add_options=add_options,
        run=auto_allocation,
    ),
    Command(
        "config undo-auto",
        "Undo the last auto-allocated service type, or TYPE.",
        example="styxy config undo-auto grafana",
        add_options=add_undo_options,
        run=undo_last,
    ),
)
