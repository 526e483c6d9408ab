"""audit, reassignments, programs: what they ask and print, and that following misses nothing."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from styxy.client.cli.commands.views.history import moment
from styxy.client.cli.main import run_command
from tests.commands import LONGEST, CommandLine
from tests.fakes import FakeDaemon, clean_environment

EVENT = {"seq": 5, "at": "?", "event": "released", "port": 3000, "reason": "lapsed"}


def say(
    tmp_path: Path, answer: Mapping[str, object], *words: str
) -> tuple[int, str, list[tuple[str, str, object]]]:
    out, err = io.StringIO(), io.StringIO()
    with FakeDaemon(tmp_path / "s", lambda *_: (200, answer)) as daemon:
        env = clean_environment(STYXY_SOCKET=str(tmp_path / "s"))
        code = run_command(words, env, out=out, err=err)
    assert err.getvalue() == ""
    return code, out.getvalue(), daemon.asked


def test_the_audit_is_a_line_for_each_event(tmp_path: Path) -> None:
    code, out, asked = say(tmp_path, {"events": [EVENT]}, "audit", "--event", "released", "-n", "5")
    assert (code, out) == (0, "?  released              3000, lapsed\n")
    assert asked == [("GET", "/audit?limit=5&event=released", None)]


def test_the_audit_as_json_is_the_answer(tmp_path: Path) -> None:
    _, out, _ = say(tmp_path, {"events": [EVENT]}, "audit", "--json")
    assert json.loads(out) == {"events": [EVENT]}


def test_a_time_with_an_offset_is_passed_on_whole(tmp_path: Path) -> None:
    _, _, asked = say(tmp_path, {"events": []}, "audit", "--since", "2026-01-31T12:00:00+01:00")
    assert asked == [("GET", "/audit?since=2026-01-31T12%3A00%3A00%2B01%3A00", None)]


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("5m", 300), ("2h", 7200), ("1d", 86400)]
)
def test_a_time_may_be_said_as_so_long_ago(text: str, seconds: int) -> None:
    assert abs(time.time() - seconds - float(moment(text))) < 5


def test_reassignments_are_a_table(tmp_path: Path) -> None:
    _, out, _ = say(tmp_path, {"reassignments": [{"port": 8001}]}, "reassignments")
    assert "8001" in out


# --- with a real daemon --------------------------------------------------------------------------


def test_a_wrong_time_is_wrong_usage(styxy: CommandLine) -> None:
    done = styxy.run("audit", "--since", "yesterday")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "styxy: --since: 'yesterday' is not a time; use 10m, 2h, 2026-01-31T12:00:00Z, or seconds "
        "since the epoch; see: styxy audit --help\n"
    )
    assert 'not "2026-99-99"' in styxy.run("audit", "--since", "2026-99-99").stderr


@pytest.fixture
def following(styxy: CommandLine) -> Iterator[subprocess.Popen[str]]:
    """A command that follows the audit of a daemon with one lease, as JSON."""
    port = styxy.json("allocate", "-s", "build", "-n", "first")["port"]
    process = styxy.start("audit", "--follow", "--json", "--event", "allocated")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["port"] == port
    yield process
    process.kill()
    process.communicate(timeout=LONGEST)


def heard(process: subprocess.Popen[str]) -> dict[str, object]:
    """Read the next line that a command says."""
    assert process.stdout is not None
    event = json.loads(process.stdout.readline())
    assert isinstance(event, dict)
    return event


def test_following_shows_the_past_and_then_what_happens(
    styxy: CommandLine, following: subprocess.Popen[str]
) -> None:
    for name in ("second", "third"):
        styxy.json("allocate", "-s", "build", "-n", name)
        assert heard(following)["service_name"] == name


def test_following_goes_on_after_a_restart(
    styxy: CommandLine, following: subprocess.Popen[str]
) -> None:
    styxy.kill_daemon()
    styxy.json("allocate", "-s", "build", "-n", "after")
    assert heard(following)["service_name"] == "after"


def test_an_interrupt_ends_following_without_a_trace(following: subprocess.Popen[str]) -> None:
    following.send_signal(signal.SIGINT)
    assert following.communicate(timeout=LONGEST) == ("", "")
    assert following.returncode == 130


def test_the_audit_in_numbers(styxy: CommandLine) -> None:
    styxy.run("allocate", "-s", "dev")
    said = styxy.run("audit", "--stats").stdout
    assert ["allocated", "1"] in [line.split() for line in said.splitlines()]
    assert styxy.json("audit", "--stats")["by_service_type"] == {"dev": 1}
    assert styxy.run("audit", "--stats", "--follow").returncode == 2


def test_programs_shows_what_was_learned(tmp_path: Path) -> None:
    code, out, asked = say(tmp_path, {"programs": [], "known": []}, "programs")
    assert code == 0
    assert out.startswith("nothing was learned of any program\n")
    assert asked == [("GET", "/programs", None)]


def test_programs_lists_what_is_known(tmp_path: Path) -> None:
    known = [{"program": "vite", "conflicts": ["steps"]}]
    _, out, _ = say(tmp_path, {"programs": [], "known": known}, "programs", "--known")
    assert "vite     steps" in out


def test_programs_forgets_by_name_or_path(tmp_path: Path) -> None:
    answer = {"message": "forgot", "programs": [{}]}
    _, out, asked = say(tmp_path, answer, "programs", "forget", "/shop/a b.js")
    assert out == "forgot\n"
    assert asked == [("DELETE", "/programs?name=%2Fshop%2Fa%20b.js", None)]


def test_programs_says_where_there_is_nothing_to_forget(tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    with FakeDaemon(tmp_path / "s", lambda *_: (200, {"message": "nothing", "programs": []})):
        env = clean_environment(STYXY_SOCKET=str(tmp_path / "s"))
        assert run_command(["programs", "forget", "x"], env, out=out, err=err) == 1
    assert (out.getvalue(), err.getvalue()) == ("", "styxy: nothing\n")


@pytest.mark.parametrize(
    "words", [["forget"], ["forget", ""], ["vite"], ["forget", "vite", "--known"]]
)
def test_programs_must_be_asked_properly(words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert run_command(["programs", *words], clean_environment(), out=out, err=err) == 2
    assert "programs --help" in err.getvalue() or "leave out --known" in err.getvalue()
