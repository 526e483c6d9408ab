"""A program that finds its own way: refused as without Styxy, and what is said of its choice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import BINDER, FakeDaemon, compiled, listener, move, run, say


@pytest.mark.parametrize(
    ("said", "line"),
    [("", ""), (" is%20blog%27s;%20try:%20PORT=3001%20x", "is blog's; try: PORT=3001 x")],
)
def test_a_port_that_stays_taken_is_refused_and_told_once(
    tmp_path: Path, said: str, line: str
) -> None:
    with listener("::1") as taken, FakeDaemon(tmp_path, say(f"styxy/1 taken{said}")) as daemon:
        binds = [f"127.0.0.1,{taken},listen"] * 2
        done = run([compiled(BINDER), *binds], daemon.environment())
        quiet = run([compiled(BINDER), *binds], daemon.environment(STYXY_NOTIFY="off"))
    assert done.stdout == quiet.stdout == "EADDRINUSE\n" * 2
    assert quiet.stderr == ""
    assert done.stderr == (f"✗ STYXY: Port {taken} {line}\n" if line else "")


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("\nstyxy/1 why took vite {asked}", "was in use, vite took"),
        ("\nstyxy/1 why took vite {asked} my%20blog", "is promised to my blog, vite took"),
        ("\nstyxy/1 why took vite {asked} Styxy used", "was in use by Styxy, vite took"),
        ("\nstyxy/1 why took vite {asked} Styxy user", None),
        ("\nstyxy/1 why took vite", None),
        ("\nstyxy/1 why took vite 0", None),
        ("\nstyxy/1 why took v%1Bi {asked}", None),
        ("", None),
    ],
)
def test_the_port_that_a_program_took_by_itself_is_told(
    tmp_path: Path, why: str, said: str | None
) -> None:
    free = free_port()
    with listener("::1") as taken:
        answers = say(
            "styxy/1 taken", "styxy/1 keep", move(free) + why.replace("{asked}", str(taken))
        )
        with FakeDaemon(tmp_path, answers) as daemon:
            binds = [f"127.0.0.1,{taken},listen", f"127.0.0.1,{free},listen"]
            done = run([compiled(BINDER), *binds], daemon.environment())
            reasons = [question[6] for question in daemon.questions]
    assert done.stdout == f"EADDRINUSE\n{free}\n"
    assert done.stderr == (f"✓ STYXY: Port {taken} {said} {free}\n" if said else "")
    assert reasons == ["shadowed", "returned", "chosen"]


def test_a_program_on_its_way_is_led_to_where_it_was(tmp_path: Path) -> None:
    between, place = free_port(), free_port()
    with listener() as taken:
        answers = say("styxy/1 taken", "styxy/1 taken", "styxy/1 keep")
        with FakeDaemon(tmp_path, answers) as daemon:
            binds = [f"127.0.0.1,{port},listen" for port in (taken, between, place)]
            done = run([compiled(BINDER), *binds], daemon.environment())
            asked = [(question[6], int(question[4])) for question in daemon.questions]
    assert done.stdout == f"EADDRINUSE\nEADDRINUSE\n{place}\n"
    assert asked[:3] == [("inuse", taken), ("returned", between), ("returned", place)]
