"""doctor: what is wrong with this installation, and how to fix it."""

from __future__ import annotations

from styxy.client.cli.command import Command
from styxy.core.errors import EXIT_REFUSED, EXIT_UNREACHABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from styxy.client.cli.command import Caller, Parser
    from styxy.client.doctor.checks import Finding
    from styxy.client.text.layout import Screen


def doctor(options: Namespace, caller: Caller) -> int:
    """Check everything; exit 1 if anything does not work, 3 if the daemon is of another network."""
    from styxy.client.doctor.checks import examine, verdict_of
    from styxy.client.doctor.examination import Examination

    seen = Examination(caller.paths, caller.env, has_shell=not options.without_shell)
    findings = examine(seen)
    verdict = verdict_of(findings)
    caller.report({"verdict": verdict, "checks": findings}, _shown(findings, caller.screen))
    if seen.other_network is not None:
        return EXIT_UNREACHABLE
    return EXIT_REFUSED if verdict == "error" else 0


def _options(parser: Parser) -> None:
    parser.add_argument(
        "--without-shell",
        action="store_true",
        help="leave out what only this shell is concerned with: its variables, a bind",
    )


def _shown(findings: Sequence[Finding], screen: Screen) -> str:
    from styxy.client.text.layout import paragraph
    from styxy.client.text.render import plain
    from styxy.core.messages import counted

    width = max(len(each.name) for each in findings)
    indent = width + 11
    lines = []
    for each in findings:
        verdict = screen.paint(each.verdict.ljust(7), each.verdict)
        message = plain(each.message)
        if screen.is_terminal:
            message = paragraph(message, screen, indent=indent)
        lines.append(f"{verdict}  {each.name.ljust(width)}  {message}")
        if each.fix is not None:  # in one piece, to be copied
            lines.append(f"{' ' * indent}{screen.paint('fix:', 'heading')} {plain(each.fix)}")
    verdicts = [each.verdict for each in findings]
    counts = ", ".join(
        (
            f"{verdicts.count('ok')} ok",
            counted(verdicts.count("warning"), "warning"),
            counted(verdicts.count("error"), "error"),
        )
    )
    return "\n".join([*lines, f"{len(findings)} checks: {counts}"])


COMMANDS = (
    Command(
        "doctor",
        "Look at everything that can be wrong, and name each fix (exit 1 on an error).",
        example="styxy doctor --json",
        add_options=_options,
        run=doctor,
    ),
)
