"""What real tools write when they cannot have their port is recognised, and nothing else is.

Covers `failure_words` and `failure_ports`. The outputs were recorded from real programs, on a port
that was taken, on port 80 without the right to bind it, and in a sandbox without a network.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.advice.failures import Failure, find_failure
from tests.core.advice.recorded import ONLY_UNFAILED, Recorded, lookalikes, recorded, wordings

LEAST_TOOLS = 30
LEAST_LOOKALIKES = 40
LONGEST = 1 << 20
MOST_SECONDS = 5
"""Of processor time for a megabyte; it takes a tenth of that, and minutes if it is quadratic."""


def is_recognised(case: Recorded, found: Failure | None) -> bool:
    """Whether what was found in an output is what is recorded of it."""
    return (
        found is not None
        and (found.kind, found.port) == (case.kind, case.port)
        and (found.line in case.output or "\x1b" in case.output)
    )


def test_what_a_real_tool_writes_is_recognised() -> None:
    found = {case.name: is_recognised(case, find_failure(case.output)) for case in recorded()}
    assert {name for name, is_right in found.items() if not is_right} == set()


def test_without_an_exit_status_a_server_is_still_believed() -> None:
    wrong = {
        case.name
        for case in recorded()
        if not is_recognised(case, find_failure(case.output, is_known_to_have_failed=False))
    }
    assert wrong == set()


def test_without_an_exit_status_another_command_is_not_believed() -> None:
    believed = {
        case.name
        for case in recorded()
        if find_failure(case.output, is_known_to_have_failed=False, is_of_server=False)
    }
    assert believed == set()


def test_there_are_recordings_of_many_tools() -> None:
    conflicts = {each.name for each in recorded() if each.kind == "conflict"}
    permissions = {each.name for each in recorded() if each.kind == "permission"}
    assert len(conflicts) >= LEAST_TOOLS
    assert len(permissions) >= LEAST_TOOLS


@pytest.mark.parametrize("is_of_server", [False, True])
@pytest.mark.parametrize("has_failed", [False, True])
def test_what_only_looks_like_a_failure_is_none(has_failed: bool, is_of_server: bool) -> None:
    # Some lines may come from the command itself, and look so only where it has not failed.
    is_possible = has_failed or is_of_server
    found = {
        title: find_failure(output, is_known_to_have_failed=has_failed, is_of_server=is_of_server)
        for title, output in lookalikes()
        if not (is_possible and title.startswith(ONLY_UNFAILED))
    }
    assert {title: failure for title, failure in found.items() if failure} == {}


def test_there_are_many_lookalikes() -> None:
    assert len(lookalikes()) >= LEAST_LOOKALIKES


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("Error: listen EADDRINUSE: address already in use :::3000", 3000),
        ("Error: listen EADDRINUSE: address already in use [::1]:3000", 3000),
        ("Error: listen EADDRINUSE: address already in use 0.0.0.0:3000", 3000),
        ("12:34:56.789 [4711] bind: tcp://0.0.0.0:3000: address already in use", 3000),
        ("[2026-11-27 12:34:56] server.js:12 pid 4711: port 3000 is already in use", 3000),
        ("Port 8080 is already in use by process 4711.", 8080),
        ("Something is already running on port 3000.", 3000),
        ("Web server failed to start. Port 8080 was already in use.", 8080),
        ("Port 4200 is already in use. Use '--port' to specify a different port.", 4200),
        ("Failed to bind to address http://127.0.0.1:5000: address already in use.", 5000),
        ("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", 80),
        ("[10.0.0.9:51234] error: listen tcp 0.0.0.0:8080: bind: address already in use", 8080),
        ("SocketException: Address already in use, errno = 98, address = ::, port = 8080", 8080),
        ("✘ [ERROR] Address already in use (127.0.0.1:8787). Please check that", 8787),
        ("bind [127.0.0.1]:8080: Address already in use", 8080),
        ("OSError: [WinError 10048] Only one usage of each socket address is permitted", None),
        ("OSError: [Errno 48] Address already in use", None),
        ("Caused by: java.net.BindException: Address already in use: bind", None),
    ],
)
def test_the_right_number_is_the_port(line: str, port: int | None) -> None:
    assert find_failure(line) == Failure(kind="conflict", port=port, line=line)


@pytest.mark.parametrize("has_failed", [True, False])
def test_what_tools_are_reported_to_write_is_recognised(has_failed: bool) -> None:
    wrong = {}
    for title, port, output in wordings():
        found = find_failure(output, is_known_to_have_failed=has_failed)
        if found is None or (found.kind, found.port) != ("conflict", port):
            wrong[title, port] = found
    assert wrong == {}


@pytest.mark.parametrize(
    "line",
    [
        # Docker's and Podman's documentation; neither can run in a test.
        "docker: Error response from daemon: driver failed programming external connectivity on "
        "endpoint web (0f1e): Bind for 0.0.0.0:3000 failed: port is already allocated.",
        "Error: rootlessport listen tcp 0.0.0.0:3000: bind: address already in use",
        "Error response from daemon: Ports are not available: exposing port TCP 0.0.0.0:3000 -> "
        "127.0.0.1:0: listen tcp 0.0.0.0:3000: bind: address already in use",
    ],
)
def test_a_container_engine_is_recognised(line: str) -> None:
    found = find_failure(line)
    assert found is not None
    assert (found.kind, found.port) == ("conflict", 3000)


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("Error: listen EACCES: permission denied 0.0.0.0:80", 80),
        ("Error: listen EPERM: operation not permitted 127.0.0.1:3000", 3000),
        ("bind() to 0.0.0.0:443 failed (13: Permission denied)", 443),
        ("listen EACCES: permission denied :::3000, address already in use elsewhere", 3000),
    ],
)
def test_a_lack_of_permission_is_never_a_conflict(line: str, port: int) -> None:
    assert find_failure(line) == Failure(kind="permission", port=port, line=line)


def test_a_sandbox_is_told_from_a_low_port() -> None:
    found = {each.name: find_failure(each.output) for each in recorded()}
    of_sandbox = {name for name, failure in found.items() if failure and failure.is_of_sandbox}
    assert of_sandbox == {name for name in found if name.endswith("-sandbox")}


def test_the_port_may_stand_in_lines_around() -> None:
    below = "Error: listen EADDRINUSE\n    at Server (node:net:1908:16) {\n  port: 3000\n}"
    above = "Starting on port 8080\nException: java.net.BindException: Address already in use"
    assert [getattr(find_failure(each), "port", 0) for each in (below, above)] == [3000, 8080]


def test_programs_that_share_an_output_keep_their_ports() -> None:
    output = "[web] Listening on port 3001\n[api] bind: Address already in use\n[api] port: 3002"
    found = find_failure(output)
    assert found is not None
    assert found.port == 3002


def test_another_server_that_runs_does_not_hide_a_failure() -> None:
    output = (
        "Error: listen EADDRINUSE: address already in use :::3000\nLocal: http://localhost:5173"
    )
    found = find_failure(output)
    assert found is not None
    assert found.port == 3000


@given(st.text(max_size=2000))
def test_any_text_is_read(output: str) -> None:
    find_failure(output)
    find_failure(output, is_known_to_have_failed=False)


@given(st.lists(st.sampled_from(["address already in use", "port", ":", "3000", "\n", "[", "'"])))
def test_pieces_of_wordings_are_read(pieces: list[str]) -> None:
    found = find_failure(" ".join(pieces))
    assert found is None or found.port in (3000, None)


@pytest.mark.parametrize(
    "piece",
    [
        "Error: listen EADDRINUSE: address already in use\n",
        "address already in use ",
        "port 3000 is already in use, trying another\n",
        "\x1b[",
        "port ",
        "1.1.1.1:",
        "`",
        "[::",
        "\n",
        "a/",
        "http://localhost:3000\n",
    ],
)
def test_a_long_output_takes_no_longer_than_its_length(piece: str) -> None:
    output = piece * (LONGEST // len(piece))
    before = time.process_time()
    find_failure(output)
    assert time.process_time() - before < MOST_SECONDS
