"""Hold the benchmark to its word: what it computes, how it writes, that it runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.executions import ACTIVATED, NOTHING, TARGETS
from bench.installation import CannotMeasure
from bench.listeners import beside
from bench.page import COSTS, DOCUMENTS, HIGHLIGHTS, PARTS, SUMMARY, paths, write
from bench.rows import Row, compared, left_out, percentile, row
from bench.table import document, lines_of, markdown, shown
from tests.native.supervised import needs_seccomp

ROOT = Path(__file__).parent.parent


def test_a_percentile_is_a_sample_that_was_measured() -> None:
    samples = [float(number) for number in range(1, 101)]
    assert percentile(samples, 0.5) == 50.0
    assert percentile(samples, 0.95) == 95.0
    assert percentile([7.0], 0.95) == 7.0


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.000_123_4, "seconds", "123 µs"),
        (0.000_001_234, "seconds", "1.23 µs"),
        (0.012_34, "seconds", "12.3 ms"),
        (0.5, "seconds", "500 ms"),
        (1.08, "seconds", "1.08 s"),
        (36 * 2**20, "bytes", "36.0 MiB"),
        (None, "seconds", ""),
    ],
)
def test_a_number_is_shown_in_the_unit_that_suits_it(
    value: float | None, unit: str, text: str
) -> None:
    assert shown(value, unit) == text


def test_a_missed_target_is_said() -> None:
    assert "| 1 ms, missed |" in markdown([row("slow", [0.002], target=0.001)])
    assert "| 1 ms |" in markdown([row("quick", [0.0005], target=0.001)])


def test_a_peer_that_is_missing_is_named() -> None:
    rows = list(beside("all", ("ours", lambda: None), {"lsof": None}))
    assert [one.what for one in rows] == ["all, ours", "all, lsof: left out, it is not installed"]
    assert "| all, lsof: left out, it is not installed |  |  |  | 0 |" in lines_of(rows)
    assert json.loads(document([left_out("lsof", "it is not installed")]))["rows"] == [
        {
            "what": "lsof: left out, it is not installed",
            "median": None,
            "p95": None,
            "rounds": 0,
            "unit": "seconds",
            "target": None,
        }
    ]


def test_peers_take_turns_with_ours_and_get_a_ratio() -> None:
    calls: list[str] = []
    rows = list(
        compared(
            "all",
            ("ours", lambda: calls.append("ours")),
            {"theirs": lambda: calls.append("theirs")},
        )
    )
    assert calls == ["ours", "theirs"] * (len(calls) // 2)
    assert [(one.what, one.unit) for one in rows] == [
        ("all, ours", "seconds"),
        ("all, theirs", "seconds"),
        ("all, ours / theirs", "ratio"),
    ]


def test_the_documents_get_the_numbers_and_keep_the_rest(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name, place in zip(DOCUMENTS, ("binds", "costs", "summary"), strict=True):
        text = f"before\n<!-- bench: {place} -->\nold\n<!-- end of bench -->\nafter\n"
        (tmp_path / name).write_text(text, encoding="utf-8")
    binds = [row(what, [0.002]) for what in {*HIGHLIGHTS, *COSTS.values()}]
    write({part: [row(part, [0.001])] for part in PARTS} | {"binds": binds}, root=tmp_path)
    page, costs, readme = ((tmp_path / name).read_text("utf-8") for name in DOCUMENTS)
    assert page == (
        f"before\n<!-- bench: binds -->\n\n{lines_of(binds)}\n\n<!-- end of bench -->\nafter\n"
    )
    assert "| `styxy check` takes | 2 ms | 2 ms |\n" in costs
    assert f"\n\n{SUMMARY.format('2 ms', '2 ms', '2 ms')}\n\n" in readme


def test_numbers_of_some_parts_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(CannotMeasure, match="nothing was written, because line was not measured"):
        write({"leases": [row("allocate", [0.001])]}, root=tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--write", "line"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.endswith("--write replaces all numbers; leave out the parts\n")


def test_the_page_has_a_place_for_each_part_and_says_what_it_measures() -> None:
    page = (ROOT / DOCUMENTS[0]).read_text(encoding="utf-8")
    assert sorted(paths(page)) == sorted([*PARTS, "machine"])
    assert re.findall(r"^`python -m bench (\w+)`: ", page, re.MULTILINE) == [
        part for part in paths(page) if part != "machine"
    ]


def test_the_other_documents_quote_the_page() -> None:
    page, costs, readme = ((ROOT / name).read_text("utf-8") for name in DOCUMENTS)
    medians = dict(re.findall(r"^\| (.+?) \| (.+?) \|", page, re.MULTILINE))
    quoted = dict(re.findall(r"^\| (.+?) \| (.+?) \|", paths(costs)["costs"], re.MULTILINE))
    quoted = {said: number for said, number in quoted.items() if said in COSTS}
    assert quoted == {said: medians[what] for said, what in COSTS.items()}
    assert paths(costs)["machine"] == paths(page)["machine"]
    assert paths(readme) == {"summary": SUMMARY.format(*(medians[what] for what in HIGHLIGHTS))}


def measured(*parts: str) -> tuple[dict[str, str], list[Row]]:
    """Run some parts: the machine, and the rows."""
    command = [sys.executable, "-m", "bench", "--json", *parts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    return told["machine"], [Row(**one) for one in told["rows"]]


@pytest.mark.slow
def test_one_command_measures() -> None:
    machine, rows = measured("line", "memory")
    assert {one.unit for one in rows} == {"seconds", "bytes"}
    assert machine["cores"]


@pytest.mark.slow
def test_both_hooks_are_measured_beside_an_interpreter() -> None:
    _, rows = measured("hooks")
    assert [one.what for one in rows if one.unit == "ratio"] == [
        "styxy-hook, times python -c pass",
        "styxy hook, times python -c pass",
    ]


@pytest.mark.slow
def test_peers_are_measured_beside_us_or_named() -> None:
    _, rows = measured("peer", "listeners", "launches")
    names = " ".join(one.what for one in rows)
    for peer in ("portserver", "psutil", "ss -ltnp", "lsof -iTCP", "portless", "true alone"):
        assert peer in names
    assert "a lease of ours / one of portserver's" in names
    assert all(one.rounds or "left out" in one.what for one in rows)


@needs_seccomp
@pytest.mark.slow
def test_a_child_that_binds_nothing_is_measured_beside_a_library_that_does_nothing() -> None:
    _, rows = measured("exec")
    targets = {one.what: one.target for one in rows if one.target is not None}
    assert targets == {
        f"fork, exec and end of a {kind} program, activated, more than plain": seconds
        for kind, seconds in TARGETS.items()
    }
    ratios = {one.what: one.median for one in rows if one.unit == "ratio"}
    static, dynamic = (
        ratios[f"fork, exec and end of a {kind} program, {ACTIVATED} / {NOTHING}"]
        for kind in ("static", "dynamic")
    )
    assert static > dynamic  # a supervisor is more than a library


@needs_seccomp
@pytest.mark.slow
def test_each_call_is_measured_plain_and_intercepted_moved_and_not() -> None:
    _, rows = measured("interception")
    ratios = {one.what: one.median for one in rows if one.unit == "ratio"}
    assert set(ratios) == {
        f"{call}, {what}: {backend} / plain"
        for call in ("bind", "listen", "connect")
        for what in ("no move", "moved")
        for backend in ("preloaded", "seccomp")
    }
    # A question to the daemon is never cheaper than a bind that asks nobody.
    for backend in ("preloaded", "seccomp"):
        assert (
            ratios[f"bind, moved: {backend} / plain"] > ratios[f"bind, no move: {backend} / plain"]
        )
