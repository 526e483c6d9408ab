"""doctor: what is wrong with this installation, and how to fix it."""

from __future__ import annotations

from styxy.client.cli.command import Command, no_options
from styxy.core.errors import EXIT_REFUSED, EXIT_UNREACHABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from styxy.client.cli.command import Caller
    from styxy.client.doctor.checks import Finding


def doctor(_options: Namespace, caller: Caller) -> int:
    """Check everything; exit 1 if anything does not work, 3 if the daemon is of another network."""
    from styxy.client.doctor.checks import examine, verdict_of
    from styxy.client.doctor.examination import Examination

    seen = Examination(caller.paths, caller.env)
    findings = examine(seen)
    verdict = verdict_of(findings)
    caller.report({"verdict": verdict, "checks": findings}, _shown(findings))
    if seen.other_network is not None:
        return EXIT_UNREACHABLE
    return EXIT_REFUSED if verdict == "error" else 0


def _shown(findings: Sequence[Finding]) -> str:
    from styxy.client.text.render import plain

    width = max(len(each.name) for each in findings)
    lines = []
    for each in findings:
        lines.append(f"{each.verdict.ljust(7)}  {each.name.ljust(width)}  {plain(each.message)}")
        if each.fix is not None:
            lines.append(f"{' ' * (11 + width)}fix: {plain(each.fix)}")
    counts = ", ".join(
        f"{sum(each.verdict == verdict for each in findings)} {verdict}"
        for verdict in ("ok", "warning", "error")
    )
    return "\n".join([*lines, f"{len(findings)} checks: {counts}"])


COMMANDS = (
    Command(
        "doctor",
        "Look at everything that can be wrong, and name each fix (exit 1 on an error).",
        example="styxy doctor --json",
        add_options=no_options,
        run=doctor,
    ),
)
