"""What is known of programs in the API's shape."""

from __future__ import annotations

from styxy.core.model.ports import Port
from styxy.core.model.programs import Evidence, Program, ProgramId
from styxy.core.protocol.programs import forgotten_programs, known_tools, learned_program

EVIDENCE = Evidence(
    sign="bound another port",
    number=3002,
    asked=Port(3000),
    got=Port(3001),
    project="/shop",
    at=0.0,
)
PROGRAM = Program(
    id=ProgramId(executable="/usr/bin/node", script="/shop/start.js"),
    name="start",
    evidence=(EVIDENCE, EVIDENCE),
)


def test_a_program_is_shown_with_its_evidence() -> None:
    shown = learned_program(PROGRAM)
    assert (shown.program, shown.script, shown.conduct) == ("start", "/shop/start.js", "steered")
    assert [(each.sign, each.number, each.asked, each.port) for each in shown.evidence] == [
        ("bound another port", 3002, 3000, 3001)
    ] * 2
    assert shown.evidence[0].at == "1970-01-01T00:00:00.000Z"


def test_the_table_says_what_a_tool_may_do() -> None:
    known = {each.program: each.conflicts for each in known_tools()}
    assert "steps" in known["vite"]
    assert "shared" in known["adb"]
    assert not [name for name in known if name.startswith("<")]
    assert not [name for name, told in known.items() if "unknown" in told or not told]


def test_what_was_forgotten_is_said_once_a_name() -> None:
    said = forgotten_programs([PROGRAM, PROGRAM], name="start").message
    assert said == "forgot what was learned of start"
    nothing = forgotten_programs([], name="vite").message
    assert nothing == "nothing was learned of 'vite'; see: styxy programs"
