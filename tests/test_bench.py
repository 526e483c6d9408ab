"""Hold the benchmark to its word: what it computes, how it writes, that it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.rows import Row, percentile, row
from bench.table import BEGIN, END, README, markdown, shown, write_readme
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


def test_the_readme_gets_the_table_and_keeps_the_rest(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_readme("new", readme)
    assert readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_the_readme_has_a_place_for_the_table() -> None:
    text = README.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1


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
