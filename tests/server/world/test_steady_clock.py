"""The time without jumps: clocks that a test sets, and a daemon whose wall clock jumps."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from styxy.server.world.steady_clock import SLACK_SECONDS, TRIAL_SECONDS, SteadyClock, boot_time
from tests.daemon import Daemon, wait_until

HOUR = 3600.0


class Machine:
    """A machine whose two clocks a test sets."""

    def __init__(self) -> None:
        self.boot = 50.0
        self.skew = 1000.0
        self.clock = SteadyClock(wall=lambda: self.boot + self.skew, boot=lambda: self.boot)

    def after(self, seconds: float) -> float:
        """Let time pass, and tell by how much the clock has jumped."""
        self.boot += seconds
        jump = self.clock.follow()
        if jump:
            self.clock.believe(jump)
        return jump


def test_seconds_pass_as_on_both_clocks() -> None:
    machine = Machine()
    assert machine.clock() == 1050.0
    assert machine.after(10.0) == 0.0
    assert (machine.clock(), machine.clock.uptime()) == (1060.0, 10.0)


def test_a_small_difference_is_followed_at_once() -> None:
    machine = Machine()
    machine.skew += SLACK_SECONDS
    assert machine.after(1.0) == 0.0
    assert machine.clock() == 1051.0 + SLACK_SECONDS


@pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR])
def test_a_jump_that_is_taken_back_changes_nothing(jump: float) -> None:
    machine = Machine()
    machine.skew += jump
    assert machine.after(3.0) == 0.0
    assert (machine.clock(), machine.clock.uptime()) == (1053.0, 3.0)
    machine.skew -= jump
    assert machine.after(2 * TRIAL_SECONDS) == 0.0
    assert machine.clock() == 1053.0 + 2 * TRIAL_SECONDS


@pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR])
def test_a_jump_that_lasts_is_believed_and_told_once(jump: float) -> None:
    machine = Machine()
    machine.skew += jump
    assert machine.after(1.0) == 0.0
    assert machine.after(TRIAL_SECONDS - 1.0) == 0.0
    assert machine.after(1.0) == jump
    assert machine.clock() == 1051.0 + TRIAL_SECONDS + jump
    assert machine.after(1.0) == 0.0
    assert machine.clock.uptime() == TRIAL_SECONDS + 2.0


def test_a_clock_that_jumps_about_is_not_believed() -> None:
    machine = Machine()
    for number in range(1, 10):
        machine.skew = 1000.0 + number * HOUR
        assert machine.after(TRIAL_SECONDS / 2) == 0.0
    assert machine.clock() == 1050.0 + 9 * TRIAL_SECONDS / 2


def test_the_time_since_the_boot_never_stands_still() -> None:
    first = boot_time()
    assert boot_time() >= first > 0


WRONG_CLOCK = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME && access(getenv("WRONG_WHILE"), F_OK) == 0)
        now->tv_sec += atol(getenv("WRONG_BY"));
    return result;
}
"""


@pytest.mark.parametrize("jump", [7200, -7200])
def test_a_lease_outlives_a_jump_of_the_clock(tmp_path: Path, jump: int) -> None:
    library, wrong = tmp_path / "clock.so", tmp_path / "wrong"
    (tmp_path / "clock.c").write_text(WRONG_CLOCK)
    build = ["cc", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "clock.c")]
    subprocess.run(build, check=True)
    with Daemon(
        tmp_path / "home",
        LD_PRELOAD=str(library),
        WRONG_WHILE=str(wrong),
        WRONG_BY=str(jump),
    ) as daemon:
        lease = daemon.allocate("dev", project_path=str(tmp_path), ttl=3600)
        seen = daemon.call("GET", "/status").body["uptime"]
        wrong.touch()
        daemon.call("POST", "/cleanup")
        assert [each["lock_id"] for each in daemon.leases()] == [lease["lock_id"]]
        wait_until(lambda: daemon.call("GET", "/status").body["uptime"] > seen + 1.1)  # a sweep
        assert [each["lock_id"] for each in daemon.leases()] == [lease["lock_id"]]
        wrong.unlink()
        assert daemon.call("GET", "/status").body["uptime"] > seen
        assert [each["lock_id"] for each in daemon.leases()] == [lease["lock_id"]]
