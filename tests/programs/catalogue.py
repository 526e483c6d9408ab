"""The real programs that the tests drive, and with which docs/compatibility.md is made.

Each table has a module of its own. A program that cannot be had on a machine says so in one
sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from _pytest.mark import ParameterSet

from tests.programs.built_servers import BUILT_SERVERS
from tests.programs.clients import CLIENTS
from tests.programs.developing.frameworks import FRAMEWORKS
from tests.programs.developing.node_tools import NODE_SERVED
from tests.programs.developing.packaged_tools import PACKAGED_TOOLS
from tests.programs.developing.python_tools import PYTHON_TOOLS
from tests.programs.node_servers import NODE_SERVERS
from tests.programs.packaged_servers import PACKAGED_SERVERS
from tests.programs.program import Program
from tests.programs.python_servers import PYTHON_SERVERS

PROGRAMS = (*PYTHON_SERVERS, *NODE_SERVERS, *BUILT_SERVERS, *PACKAGED_SERVERS)
"""Those that are driven in every kind of conflict."""

COMPARED = (*PROGRAMS, *PYTHON_TOOLS, *NODE_SERVED, *FRAMEWORKS, *PACKAGED_TOOLS)
"""Those that are compared with themselves without Styxy; `make compat` alone does it."""


def _cases(programs: Sequence[Program]) -> list[ParameterSet]:
    """Make the cases of `pytest.mark.parametrize`."""
    return [
        pytest.param(each, id=each.name, marks=[pytest.mark.compat] if each.is_slow else [])
        for each in programs
    ]


CASES = _cases(PROGRAMS)
CLIENT_CASES = _cases(CLIENTS)


def program(name: str) -> Program:
    """Find a program by its name."""
    return next(each for each in PROGRAMS if each.name == name)
