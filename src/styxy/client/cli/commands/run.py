"""run: run a program under interception."""

from __future__ import annotations

import argparse
import os
from functools import partial

from styxy.adapters.projects.bounded_looks import answers
from styxy.client.cli.command import Command
from styxy.client.cli.commands.leases import announce
from styxy.client.cli.values import (
    leasable_port,
    name_text,
    not_empty,
    port_list,
    project_here,
    project_of,
    service_type,
)
from styxy.client.daemon.connection import Connection
from styxy.client.text import render
from styxy.core.errors import (
    ConfirmationRequired,
    DaemonUnreachable,
    InvalidInput,
    NotFound,
    Refused,
    Unavailable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from styxy.client.cli.command import Caller, Parser
    from styxy.client.daemon.connection import Answer
    from styxy.client.interception.backend import Choice

RUN_PATIENCE = 1.0
"""Seconds that a program waits for a daemon; after that it runs without one."""

BACKENDS = ("auto", "preload", "seccomp", "none")


def add_options(parser: Parser) -> None:
    """Add the options of `run`."""
    parser.usage = "styxy run [options] -- CMD ..."
    parser.add_argument(
        "-s",
        "--service-type",
        "--type",
        metavar="TYPE",
        type=service_type,
        help="lease a port of TYPE and set PORT",
    )
    parser.add_argument("-n", "--name", metavar="NAME", type=name_text, help="name of the service")
    parser.add_argument(
        "-p",
        "--port",
        metavar="PORT",
        type=leasable_port,
        help="lease PORT, or another if it is taken",
    )
    parser.add_argument(
        "--project", metavar="DIR", type=not_empty, help="run as the project of DIR"
    )
    parser.add_argument(
        "--own",
        metavar="PORT[,PORT]",
        type=port_list,
        help="at PORT, let only the project's own server answer",
    )
    parser.add_argument("--yes", action="store_true", help="accept the range of a new service type")
    parser.add_argument(
        "--backend", choices=BACKENDS, default="auto", help="how binds are intercepted (auto)"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="show the backend, why, and what is not covered; run nothing",
    )
    parser.add_argument(
        "program", metavar="CMD", nargs=argparse.REMAINDER, help="program and its arguments"
    )


def run(options: argparse.Namespace, caller: Caller) -> int:
    """Replace this process with the program, under interception; return only if that fails."""
    from styxy.client.interception.run import EXIT_NOT_FOUND, become, guest_environment

    words = options.program[1:] if options.program[:1] == ["--"] else options.program
    if not words or not words[0]:
        raise InvalidInput("missing argument: CMD; try: styxy run -- npm run dev")
    silent = _silent_place(caller)
    if silent is not None:
        return _run_plain(words, caller, silent=silent)
    project = project_of(options.project, caller.env) if options.project else None
    caller.complain_of_variables()
    choice = _choose(options, words, caller)
    if options.explain:
        return _explain(choice, caller)
    port = None
    if choice.intercepts or _wants_lease(options):
        port = _prepare(options, project, caller)
    env = guest_environment(
        caller.env,
        library=choice.library,
        port=port,
        project=project,
        service_type=options.service_type,
        own_only=options.own,
    )
    caller.out.flush()
    env.update(choice.variables(env))
    code, sentence = become(choice.command(words), env)
    caller.fail(NotFound(sentence) if code == EXIT_NOT_FOUND else Unavailable(sentence))
    return code


def _silent_place(caller: Caller) -> str | None:
    """Return where our files are expected and no look comes back; None if there is no such place.

    Only the variables are read for it: which of them counts is decided by looks.
    """
    own = (caller.env.get(name) for name in ("STYXY_SOCKET", "XDG_RUNTIME_DIR"))
    places = [caller.paths.home, *(each for each in own if each)]
    return next((each for each in places if not answers(os.path.abspath(each))), None)


def _run_plain(words: list[str], caller: Caller, *, silent: str) -> int:
    """Replace this process with the program, without a look at anything of ours."""
    from styxy.client.interception.run import become, guest_environment

    caller.complain(
        f"{silent} does not answer (is the server of its mount dead?); running without Styxy"
    )
    caller.out.flush()
    code, sentence = become(words, guest_environment(caller.env, library=None))
    caller.fail(Unavailable(sentence))
    return code


def _choose(options: argparse.Namespace, words: list[str], caller: Caller) -> Choice:
    """Choose the backend; complain of what no backend covers."""
    from styxy.client.interception.backend import Chooser

    choice = Chooser(caller.paths, caller.env).choose(options.backend, words)
    if not options.explain:
        for warning in choice.warnings:
            caller.complain(warning)
    return choice


def _explain(choice: Choice, caller: Caller) -> int:
    """Show which backend a program would get, why, and what is not covered; run nothing."""
    from styxy.client.interception.backend import Choice
    from styxy.core.config.environment import switch

    word = caller.env.get("STYXY_DISABLE_REASSIGN")
    if switch(word):
        choice = Choice("none", f"STYXY_DISABLE_REASSIGN={word} turns interception off")
    try:
        Connection(caller.paths).refuse_other_network()
    except Unavailable as failure:
        choice.uncovered.append(f"this network: {failure.message}")
    body = {
        "backend": choice.backend,
        "why": choice.why,
        "uncovered": choice.uncovered,
        "warnings": choice.warnings,
    }
    lines = [
        f"backend {choice.backend}: {choice.why}",
        *(f"not covered: {each}" for each in choice.uncovered),
        *(f"warning: {each}" for each in choice.warnings if each != choice.why),
    ]
    caller.report(body, "\n".join(map(render.plain, lines)))
    return 0


def _start(connection: Connection, *, caller: Caller) -> None:
    """Start a daemon. Raises only `Unavailable`: a program runs even if no daemon can."""
    try:
        caller.start_daemon(connection, patience=RUN_PATIENCE)
    except InvalidInput as failure:
        raise DaemonUnreachable(failure.message) from None


def _wants_lease(options: argparse.Namespace) -> bool:
    return any((options.service_type, options.name, options.port))


def _prepare(options: argparse.Namespace, project: str | None, caller: Caller) -> int | None:
    """Start a daemon if necessary, and get a lease if requested; a failing daemon stops nobody."""
    connection = Connection(
        caller.paths,
        starter=partial(_start, caller=caller) if caller.may_start else None,
        answer_patience=RUN_PATIENCE,
    )
    try:
        connection.refuse_other_network()
        if not _wants_lease(options):
            if caller.may_start:
                connection.ensure()
            return None
        answer = _lease(options, project, caller, connection)
    except Unavailable as failure:
        caller.complain(f"{failure.message}; running without Styxy")
        return int(options.port) if options.port else None
    port = answer.data.get("port")
    return port if isinstance(port, int) else None


def _lease(
    options: argparse.Namespace, project: str | None, caller: Caller, connection: Connection
) -> Answer:
    """Lease a port for the program. Raises `Refused` where a singleton is running already.

    A lease of the given name that nobody uses is taken over; one in use stays its user's.
    """
    body = _lease_body(options, project, caller, connection)
    try:
        answer = connection.ask("POST", "/allocate", body)
    except ConfirmationRequired as proposal:
        if not options.yes:
            raise _unconfirmed(proposal, options) from None
        body["confirm"] = proposal.context.get("confirm")
        answer = connection.ask("POST", "/allocate", body)
    if _is_anothers(answer) and body.pop("reuse", None):
        answer = connection.ask("POST", "/allocate", body)
    if _is_anothers(answer):
        kind = answer.data.get("service_type")
        raise Refused(str(answer.data.get("message")), suggestions=[f"styxy use {kind}"])
    announce(answer, caller)
    refused = render.without_preferred(answer.data, options.port)
    if refused is not None:
        caller.complain(refused)
    return answer


def _unconfirmed(
    proposal: ConfirmationRequired, options: argparse.Namespace
) -> ConfirmationRequired:
    """Say in the words of `run` what confirms a new service type, or which one may be meant."""
    name, meant = options.service_type, proposal.context.get("did_you_mean")
    span = "-".join(str(port) for port in _span(proposal))
    again = f"styxy run -s {name} --yes -- CMD"
    steps = [again]
    sentence = f"service type {name!r} is new and would get {span}; to accept: {again}"
    if meant is not None:
        steps.insert(0, f"styxy run -s {meant} -- CMD")
        sentence = (
            f"unknown service type {name!r}; did you mean {meant!r}? try: {steps[0]}; "
            f"a new type would get {span}; to create it: {again}"
        )
    return ConfirmationRequired(sentence, **{**proposal.context, "suggestions": steps})


def _span(proposal: ConfirmationRequired) -> list[object]:
    span = proposal.context.get("allocated_range")
    return span if isinstance(span, list) else []


def _is_anothers(answer: Answer) -> bool:
    """Return whether an answer names a lease that this process does not hold."""
    return answer.data.get("existing") is True and answer.data.get("pid") != os.getpid()


def _lease_body(
    options: argparse.Namespace, project: str | None, caller: Caller, connection: Connection
) -> dict[str, object]:
    from styxy.core.names import own_instance

    body: dict[str, object | None] = {
        "service_type": options.service_type or _type_of(options.port, caller, connection),
        "service_name": options.name,
        "preferred_port": options.port,
        "instance_id": own_instance(caller.env),
        "project_path": project or project_here(caller.env),
        "pid": os.getpid(),  # exec keeps the pid: the program itself becomes the holder
        "reuse": True if options.name else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _type_of(port: int | None, caller: Caller, connection: Connection) -> str:
    """Return the type for a lease that was requested only by number or name."""
    from styxy.client.cli.range_import import types_of
    from styxy.core.model.ports import Port
    from styxy.core.model.service_types import FALLBACK, Catalogue

    declared = caller.env.get("STYXY_SERVICE_TYPE", "").lower()
    if port is None and not declared:
        return FALLBACK
    types = types_of(connection.ask("GET", "/config").data)  # including the user's own types
    if any(each.name == declared for each in types):
        return declared
    found = Catalogue(tuple(types)).containing(Port(port)) if port is not None else None
    return found.name if found else FALLBACK


COMMANDS = (
    Command(
        "run",
        "Run a program; if its port is taken, move it to another.",
        example="styxy run -- npm run dev",
        add_options=add_options,
        run=run,
    ),
)
