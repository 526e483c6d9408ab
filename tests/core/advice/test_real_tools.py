"""The tools that are here fail in fresh runs as they did when they were recorded.

A tool that is absent is skipped by its name; `scripts/record_failures.py` writes the recordings.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styxy.core.advice.failures import find_failure
from tests.core.advice.real_tools import Tool, real_tools
from tests.core.advice.recorded import recorded
from tests.core.advice.running import (
    LOW_PORT,
    NO_LOW_PORTS,
    SANDBOX,
    Attempt,
    attempt,
    taken_port,
    version_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.real]

PORTS = {each.name: each.port for each in recorded()}
"""The port of each recording, or None if the tool does not tell it."""

UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def tools(*, where: str = "") -> list[Tool]:
    """The tools of which there is a recording of a kind."""
    return [tool for tool in real_tools() if tool.name + where in PORTS]


def check(tool: Tool, tried: Attempt, *, kind: str, port: int, where: str = "") -> None:
    """What a tool wrote is recognised, with the port if it tells it."""
    found = find_failure(tried.output)
    assert found is not None, tried.output
    assert found.kind == kind, tried.output
    assert found.port == (None if PORTS[tool.name + where] is None else port), tried.output


def present(tool: Tool) -> None:
    """Skip a test whose tool is absent."""
    if version_of(tool) is None:
        pytest.skip(f"{tool.name} is not here")


@pytest.mark.parametrize("tool", tools(), ids=lambda tool: tool.name)
def test_a_taken_port_is_recognised(tool: Tool) -> None:
    present(tool)
    with taken_port() as port:
        check(tool, attempt(tool, port), kind="conflict", port=port)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up a capability")
@pytest.mark.parametrize("tool", tools(where="-low-port"), ids=lambda tool: tool.name)
def test_a_port_that_may_not_be_bound_is_recognised(tool: Tool) -> None:
    if int(UNPRIVILEGED.read_text(encoding="ascii")) <= LOW_PORT:
        pytest.skip("everybody may bind every port here")
    present(tool)
    tried = attempt(tool, LOW_PORT, within=NO_LOW_PORTS)
    check(tool, tried, kind="permission", port=LOW_PORT, where="-low-port")


@pytest.mark.parametrize("tool", tools(where="-sandbox"), ids=lambda tool: tool.name)
def test_a_sandbox_is_recognised(tool: Tool) -> None:
    present(tool)
    tried = attempt(tool, LOW_PORT, within=SANDBOX)
    check(tool, tried, kind="permission", port=LOW_PORT, where="-sandbox")
