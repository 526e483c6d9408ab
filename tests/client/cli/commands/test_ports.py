"""check, suggest: what they ask, print and return.

Also tests `types_text`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from styxy.client.cli.main import run_command
from tests.commands import CommandLine
from tests.fakes import FakeDaemon, clean_environment


def say(
    tmp_path: Path, answer: Mapping[str, object], *words: str
) -> tuple[int, str, list[tuple[str, str, object]]]:
    out, err = io.StringIO(), io.StringIO()
    with FakeDaemon(tmp_path / "s", lambda *_: (200, answer)) as daemon:
        env = clean_environment(STYXY_SOCKET=str(tmp_path / "s"))
        code = run_command(words, env, out=out, err=err)
    assert err.getvalue() == ""
    return code, out.getvalue(), daemon.asked


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        ({"port": 3000, "available": True}, 0, "3000 is free\n"),
        ({"port": 3000, "available": False, "reason": "x"}, 1, "3000 is taken: x\n"),
        ({}, 1, "- is taken: -\n"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_check_says_it_by_exit_code_too(
    tmp_path: Path, answer: dict[str, object], code: int, text: str, flags: list[str]
) -> None:
    got, out, asked = say(tmp_path, answer, "check", "3000", *flags)
    assert got == code
    assert flags or out == text
    assert asked == [("GET", "/check/3000", None)]


def test_suggest_passes_type_and_count_on(tmp_path: Path) -> None:
    _, out, asked = say(tmp_path, {"suggestions": [8000]}, "suggest", "Api", "-c", "3")
    assert asked == [("GET", "/suggest/api?count=3", None)]
    assert out == "8000\n"


def test_types_tells_how_full_each_is(styxy: CommandLine) -> None:
    styxy.run("allocate", "-s", "dev")
    told = styxy.json("types")
    kinds = told["service_types"]
    assert isinstance(kinds, list)
    dev = next(each for each in kinds if each["service_type"] == "dev")
    assert dev["ranges"] == [[3000, 3099]]
    assert dev["preferred_ports"] == [3000, 3001, 3002, 3003]
    assert (dev["ports"], dev["taken"] >= 1) == (100, True)
    shown = styxy.run("types").stdout.splitlines()
    assert shown[0].split() == ["TYPE", "RANGE", "PREFERRED", "TAKEN", "FOR"]
    assert ["dev", "3000-3099", "3000-3003"] in [line.split()[:3] for line in shown]
    assert any(line.endswith("(singleton)") for line in shown)


def test_a_range_the_wrong_way_round_is_turned(styxy: CommandLine) -> None:
    done = styxy.run("scan", "-s", "10", "-e", "5")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(
        "the range 10-5 ends before it begins; try: styxy scan -s 5 -e 10\n"
    )
