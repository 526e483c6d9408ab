"""What holds for every test: it leaves the process that runs all of them as it found it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A slow machine is no fault of the code.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs so (sh(1p), 2.11), and every program that a test starts
    # would inherit it and be deaf to the test's interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

INHERITED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


@pytest.fixture(autouse=True)
def signals_are_left_alone() -> Iterator[None]:
    """Put back what a test did to the signals, and say which test it was.

    With SIGPIPE at its default, the next hang-up that any later test provokes ends the whole run
    without a word.
    """
    before = {number: signal.getsignal(number) for number in INHERITED}
    yield
    changed = [number for number in INHERITED if signal.getsignal(number) != before[number]]
    for number in changed:
        signal.signal(number, before[number])
    assert not changed, f"the test changed {', '.join(number.name for number in changed)}"
