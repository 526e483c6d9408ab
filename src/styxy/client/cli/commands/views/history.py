"""audit, reassignments: past events, and new ones as they happen. programs: what they taught."""

from __future__ import annotations

import re
import time
from argparse import ArgumentTypeError

from styxy.client.cli.command import Command
from styxy.client.cli.values import not_empty, positive_number, query
from styxy.client.text import render
from styxy.core.errors import InvalidInput, NotFound
from styxy.core.messages import echo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

FOLLOW_HELP = "keep printing new ones; with --json, one document per line"


def moment(text: str) -> str:
    """Parse a time; `10m` is that long ago. The daemon checks what looks like a date or number."""
    ago = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if ago is not None:
        return f"{max(0.0, time.time() - int(ago[1]) * SECONDS[ago[2]]):.3f}"
    if re.fullmatch(r"[0-9.]+|[0-9]{4}-[0-9:.TZtz +-]*", text, re.ASCII):
        return text
    raise ArgumentTypeError(
        f"{echo(text)} is not a time; use 10m, 2h, 2026-01-31T12:00:00Z, or seconds since the epoch"
    )


def add_audit_options(parser: Parser) -> None:
    """Add the options of `audit`."""
    parser.add_argument("-f", "--follow", action="store_true", help=FOLLOW_HELP)
    parser.add_argument(
        "--since",
        metavar="TIME",
        type=moment,
        help="2026-01-31T12:00:00Z, seconds since the epoch, or 10m, 2h",
    )
    parser.add_argument(
        "--stats", action="store_true", help="count all events by kind, service type and day"
    )
    parser.add_argument("--event", metavar="KIND", help="allocated, released, reassigned ...")
    parser.add_argument(
        "-n", "--limit", metavar="N", type=positive_number, help="show the last N (100)"
    )


def audit(options: Namespace, caller: Caller) -> int:
    """Show past events."""
    if options.stats:
        return _stats(options, caller)
    filters = query(since=options.since, limit=options.limit, event=options.event)
    if options.follow:
        return _follow(f"/audit{filters}", options.event, caller)
    from styxy.client.text import audit_text as audit_text

    answer = caller.connection().ask("GET", f"/audit{filters}")
    caller.show(answer, audit_text.lines(render.objects(answer.data.get("events"))))
    return 0


def _stats(options: Namespace, caller: Caller) -> int:
    if options.follow or options.since or options.limit or options.event:
        raise InvalidInput("--stats counts all events; leave out the other options")
    from styxy.client.text import audit_text

    answer = caller.connection().ask("GET", "/audit/stats")
    caller.show(answer, audit_text.stats(answer.data))
    return 0


def add_reassignments_options(parser: Parser) -> None:
    """Add the options of `reassignments`."""
    parser.add_argument("-f", "--follow", action="store_true", help=FOLLOW_HELP)


def reassignments(options: Namespace, caller: Caller) -> int:
    """Show the binds that were moved."""
    if options.follow:
        return _follow("/audit?event=reassigned", "reassigned", caller)
    answer = caller.connection().ask("GET", "/reassignments")
    caller.show(answer, render.reassignments(answer.data))
    return 0


def add_programs_options(parser: Parser) -> None:
    """Add the options of `programs`."""
    parser.usage = "styxy programs [--known]\n       styxy programs forget NAME"
    parser.add_argument(
        "action", metavar="ACTION", nargs="?", choices=["forget"], help="forget what was learned"
    )
    parser.add_argument(
        "program",
        metavar="NAME",
        nargs="?",
        type=not_empty,
        help="a program that the list names, or the path of its script",
    )
    parser.add_argument(
        "--known", action="store_true", help="list the tools that are known from the start"
    )


def programs(options: Namespace, caller: Caller) -> int:
    """Show what is known and was learned of programs, or forget it."""
    if (options.action is None) != (options.program is None):
        raise InvalidInput("name the program; see: styxy programs --help")
    if options.action is not None and options.known:
        raise InvalidInput("what is known from the start cannot be forgotten; leave out --known")
    connection = caller.connection()
    if options.action is not None:
        forgotten = connection.ask("DELETE", f"/programs{query(name=options.program)}")
        said = render.plain(forgotten.data.get("message"))
        if not forgotten.data.get("programs"):
            raise NotFound(said, suggestions=["styxy programs"])
        caller.show(forgotten, said)
        return 0
    from styxy.client.text import programs_text

    answer = connection.ask("GET", "/programs")
    shown = programs_text.known if options.known else programs_text.learned
    caller.show(answer, shown(answer.data))
    return 0


def _follow(path: str, event: str | None, caller: Caller) -> int:
    """Show past events, then new ones, without gaps or duplicates."""
    import json

    from styxy.client.daemon.following import follow

    connection = caller.connection()
    # Opened first, so that nothing is lost between the past and the stream.
    newest = _last_seq(connection.ask("GET", "/audit?limit=1").data)
    past = connection.ask("GET", path).data
    for each in render.objects(past.get("events")):
        _tell(each, json.dumps(each), caller)
    after = max(newest, _last_seq(past))
    caller.may_start = False  # a daemon that is stopped while we watch must stay stopped
    for happened in follow(
        caller.connection(),
        lambda seq: f"/events{query(since_seq=seq, event=event)}",
        after=after,
    ):
        _tell(json.loads(happened.raw), happened.raw.decode(), caller)
    return 0


def _tell(event: dict[str, object], raw: str, caller: Caller) -> None:
    from styxy.client.text.audit_text import line

    caller.say(raw if caller.wants_json else line(event))
    caller.out.flush()


def _last_seq(answer: dict[str, object]) -> int:
    numbers = [each.get("seq") for each in render.objects(answer.get("events"))]
    return max((number for number in numbers if isinstance(number, int)), default=0)


COMMANDS = (
    Command(
        "audit",
        "Show the history of leases, instances and the daemon, newest last.",
        example="styxy audit --since 10m --follow",
        add_options=add_audit_options,
        run=audit,
    ),
    Command(
        "reassignments",
        "Show binds that were moved to another port, newest last.",
        example="styxy reassignments --follow",
        add_options=add_reassignments_options,
        run=reassignments,
    ),
    Command(
        "programs",
        "Show which programs find their own way if their port is taken, and what was learned.",
        example="styxy programs --known",
        add_options=add_programs_options,
        run=programs,
    ),
)
