"""Answers for people."""

from __future__ import annotations

import pytest

from styxy.client.text import render


def test_a_table_is_as_wide_as_its_longest_values() -> None:
    text = render.table(["PORT", "NAME"], [[3000, "web"], [80, None]])
    assert text == "PORT  NAME\n3000  web\n80    -"


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    assert render.plain("a\x1b[31mb\nc\udcff") == "a?[31mb?c?"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 m"), (3661, "1 h 1 m"), (90000, "1 d 1 h"), (None, "-")],
)
def test_a_length_of_time_is_two_units(seconds: object, text: str) -> None:
    assert render.duration(seconds) == text


def test_a_time_that_is_none_is_shown_as_it_is() -> None:
    assert render.local_time("soon") == "soon"
    assert render.local_time("2026-11-21T10:00:00.123Z").startswith("2026-11-2")


def test_a_granted_port_stands_alone_in_the_first_line() -> None:
    text = render.granted({"port": 3001, "lock_id": "abc", "message": "Port 3001 is yours"})
    assert text.splitlines()[0] == "3001"
    assert "styxy release abc" in text
    assert "release" not in render.granted({"port": 3001, "message": "would be granted"})


def test_a_taken_port_tells_by_whom_and_since_when() -> None:
    text = render.checked(
        {
            "port": 8000,
            "available": False,
            "reason": "in use",
            "allocated_to": {"service_type": "api", "service_name": "web", "lock_id": "abc"},
            "system_usage": {
                "process": "python3",
                "pid": 12,
                "addresses": ["127.0.0.1"],
                "since": "2026-11-21T10:00:00Z",
            },
        }
    )
    assert "8000 is taken: in use" in text
    assert "api web (abc)" in text
    assert "python3, pid 12, on 127.0.0.1" in text
    assert "since     2026-11-2" in text


def test_leases_are_ordered_by_port() -> None:
    answer = {"allocations": [{"port": 10000}, {"port": 3000}, "nonsense"]}
    lines = render.leases(answer, verbose=True).splitlines()
    assert [line.split()[0] for line in lines] == ["PORT", "3000", "10000"]
    assert render.leases({}, verbose=False) == "no leases"


def test_suggestions_are_one_a_line() -> None:
    assert render.suggested({"suggestions": [1, 2], "message": "m"}) == "1\n2"
    assert render.suggested({"suggestions": [1], "message": "m", "fallback": True}) == "1\nm"
    assert render.suggested({"suggestions": [], "message": "m"}) == "m"


def test_no_reassignments_is_a_sentence() -> None:
    assert render.reassignments({"reassignments": []}) == "no binds have been moved"
    row = {"requested_port": 8000, "port": 8001, "pid": 7, "at": "2026-11-21T10:00:00Z"}
    assert "8000   8001  7" in render.reassignments({"reassignments": [row]})
