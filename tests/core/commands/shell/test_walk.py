"""A line that runs in the mind: variables, functions, loops, builtins, texts for other shells.

Covers `expansion`, `scope`, `fields` and `builtins` by what the programs of a line are called with.
"""

from __future__ import annotations

import pytest

from styxy.core.commands.shell.fields import SILENT, UNKNOWN, Invocation, Output
from styxy.core.commands.shell.scope import Scope
from styxy.core.commands.shell.walk import Walker


def run(line: str) -> list[Invocation]:
    """Every program that a line calls; `echo` says its words."""
    called: list[Invocation] = []

    def on_command(invocation: Invocation, _scope: Scope) -> Output:
        called.append(invocation)
        if invocation.texts[0] == "echo":
            return Output(" ".join(invocation.texts[1:]) + "\n")
        return SILENT if invocation.texts[0] == "true" else UNKNOWN

    Walker(on_command).run_text(line, Scope())
    return [each for each in called if each.texts[0] != "echo"]


def words(line: str) -> list[str]:
    """The programs of a line with their words; a hole is `?`."""
    return [" ".join(each.texts).replace("\0", "?") for each in run(line)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=1; x $A ${A} \"$A\" '$A'", ["x 1 1 1 $A"]),
        ("x $UNKNOWN", ["x ?"]),
        ("x ${A:-3000} ${A-2} ${A:=4} $A", ["x 3000 2 4 4"]),
        ("A='a b'; x $A \"$A\"", ["x a b a b"]),
        ("A=1 x $A", ["x ?"]),
        ("A=; x $A y", ["x y"]),
        ("A=ab; x ${A%b} ${#A}", ["x ? ?"]),
        ("P=3000; x $((P + 1)) $((P*2))", ["x 3001 ?"]),
        ("x {1..3} {a,b}c '{1..3}'", ["x 1 2 3 ac bc {1..3}"]),
        ("A=(1 2); x ${A[@]} ${A[1]} ${A[$i]}", ["x 1 2 2 ?"]),
        ("A=1; A+=2; B=(1); B+=(2); x $A ${B[@]}", ["x 12 1 2"]),
        ("x $(echo 3000) `echo 1`", ["x 3000 1"]),
        ("x $(y)", ["y", "x ?"]),
        ("for i in 1 2; do x $i; done", ["x 1", "x 2"]),
        ("set -- a b; for i; do x $i $#; done", ["x a ?", "x b ?"]),
        ("if a; then b; else c; fi", ["a", "b", "c"]),
        ("case $x in a) b;; *) c;; esac", ["b", "c"]),
        ("while a; do b; done; until c; do d; done", ["a", "b", "c", "d"]),
        ('f() { x $1 "$@"; }; f 1 2', ["x 1 1 2"]),
        ("f() { x; }", []),
        ("(A=1; x $A); x $A", ["x 1", "x ?"]),
        ("{ A=1; }; x $A", ["x 1"]),
        ("A=1 | true; x $A", ["true", "x ?"]),
        ("eval 'x 1'; eval x \"$A\"", ["x 1", "x ?"]),
        ("trap 'x 1' EXIT", ["x 1"]),
        ('read -r A B <<< \'1 2 3\'; x "$A" "$B"', ["x 1 2 3"]),
        ("echo 7 | while read -r A; do x $A; done", ["x 7"]),
        ("mapfile -t A < <(echo 5); x ${A[@]}", ["x 5"]),
        ("unset A; A=1; unset A; x $A", ["x ?"]),
        ("export A=1; x $A", ["x 1"]),
        ("x $PPID $$ $!", ["x $PPID ? ?"]),
        ("! x; time y; coproc z", ["x", "y", "z"]),
        ("[[ $(x) ]] && (( 1 ))", ["x"]),
        ("source <(echo 'x 1')", ["x 1"]),
        ("x > f 2>&1 < g", ["x"]),
    ],
)
def test_programs_are_called_with_what_the_line_says(line: str, expected: list[str]) -> None:
    assert words(line) == expected


@pytest.mark.parametrize(
    ("line", "variables"),
    [
        ("A=1 x", {"A": "1"}),
        ("A=1; x", {}),
        ("A=1; export A; x", {"A": "1"}),
        ("export A=1; B=2 x", {"A": "1", "B": "2"}),
        ("declare -x A=1; x", {"A": "1"}),
        ("set -a; A=1; x", {"A": "1"}),
        ("export A=1; unset A; x", {}),
        ("A=$B x", {"A": "\0"}),
    ],
)
def test_a_program_inherits_what_is_exported(line: str, variables: dict[str, str]) -> None:
    [invocation] = run(line)
    assert {name: each.text for name, each in invocation.variables.items()} == variables


@pytest.mark.parametrize(
    ("line", "directory"),
    [
        ("x", ""),
        ("cd web && x", "web"),
        ("cd web; cd ../api; x", "api"),
        ("cd /srv/app; x", "/srv/app"),
        ("(cd web); x", ""),
        ("pushd web; x", "web"),
        ("cd $A; x", None),
        ("cd ~/app; x", None),
        ("cd web; cd -; x", None),
        ("cd $A; cd /srv; x", "/srv"),
    ],
)
def test_the_directory_is_followed(line: str, directory: str | None) -> None:
    assert run(line)[-1].directory == directory


def test_what_runs_beside_the_shell_is_told_apart() -> None:
    called = run("a & b; (c; d) & e")
    assert [each.texts[0] for each in called if each.is_background] == ["a", "c", "d"]


def test_a_value_that_grows_without_end_is_forgotten() -> None:
    [called] = words("A=aa; " + "A=$A$A; " * 30 + "x $A")
    assert set(called) == {"x", " ", "?"}
    assert len(called) < 8192


def test_work_is_bounded() -> None:
    loops = "for a in {1..60}; do for b in {1..60}; do for c in {1..60}; do x; done; done; done"
    assert len(run(loops)) < 20_000
