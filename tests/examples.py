"""How many examples each property is tried with: all in `make test-slow`, a quarter if it is run by
hand; and which cases of a table wait for the former.

A property that is broken fails with one of its first examples more often than not, and making the
examples is most of what such a test costs.
"""

from __future__ import annotations

import pytest
from _pytest.mark import ParameterSet
from hypothesis import HealthCheck, settings

QUICK = "quick"
THOROUGH = "thorough"
ALL = 100
"""Examples of a property that asks for no other number."""


def load_profiles() -> None:
    """Make both profiles known to hypothesis, and use the quick one unless the run names another
    (`--hypothesis-profile`)."""
    for name, examples in ((QUICK, ALL // 4), (THOROUGH, ALL)):
        # A slow machine is no fault of the code.
        settings.register_profile(
            name,
            max_examples=examples,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
    settings.load_profile(QUICK)


def share_of(examples: int) -> int:
    """Return how many of these examples are tried in this run."""
    return max(1, examples * settings().max_examples // ALL)


def slow(*values: object) -> list[ParameterSet]:
    """Make cases for `make test-slow`: more of a kind of which `make test` has one."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]
