"""What is known and was learned of programs, as text. Data goes in, text comes out."""

from __future__ import annotations

from styxy.client.text.layout import Blocks
from styxy.client.text.render import local_time, objects, plain, table
from styxy.core.messages import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CONDUCTS = {"steered": "finds its own way", "moved": "moved (it failed to)", None: "moved so far"}
"""What each conduct of the API means."""


def learned(answer: Mapping[str, object]) -> str:
    """Format what was learned: a line for each piece of evidence, and how many tools are known."""
    rows = [row for each in objects(answer.get("programs")) for row in _rows(each)]
    known = counted(len(objects(answer.get("known"))), "tool")
    more = f"known from the start: {known}; to list them: styxy programs --known"
    if not rows:
        return f"nothing was learned of any program\n{more}"
    titles = ["PROGRAM", "IF ITS PORT IS TAKEN", "EVIDENCE", "AT", "SCRIPT"]
    return Blocks(table(titles, rows), more)


def known(answer: Mapping[str, object]) -> str:
    """Format what the built-in table says of tools."""
    rows = []
    for each in objects(answer.get("known")):
        conflicts = each.get("conflicts")
        words = conflicts if isinstance(conflicts, list) else []
        rows.append([each.get("program"), " or ".join(plain(word) for word in words)])
    return table(["PROGRAM", "IF ITS PORT IS TAKEN"], rows)


def _rows(program: Mapping[str, object]) -> list[list[object]]:
    conduct = program.get("conduct")
    said = CONDUCTS.get(conduct if isinstance(conduct, str) else None, plain(conduct))
    what = program.get("script") or program.get("executable")
    name = program.get("program")
    evidence = objects(program.get("evidence"))
    if not evidence:
        return [[name, said, None, None, what]]
    return [[name, said, _observed(each), local_time(each.get("at")), what] for each in evidence]


def _observed(evidence: Mapping[str, object]) -> str:
    sign, number = evidence.get("sign"), plain(evidence.get("number"))
    did = f"exited with status {number}" if sign == "exited" else f"bound {number}"
    return f"{plain(evidence.get('asked'))} -> {plain(evidence.get('port'))}, {did}"
