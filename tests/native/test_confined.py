"""Programs that live in narrow places: limits, full disks, chroots, sandboxes, other rights.

What Styxy cannot do there it leaves undone, and the program has its own result.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.guest import (
    FakeDaemon,
    listener,
    move,
    say,
)
from tests.native.hosts import host

SMALL_FILES = r"""
    //main
    struct rlimit limit = {0, 0};
    setrlimit(RLIMIT_FSIZE, &limit);
    if (atoi(argv[1]) == 1) {
        sigset_t blocked;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGXFSZ);
        sigprocmask(SIG_BLOCK, &blocked, NULL);
    }
    int got = serve(port);
    sigset_t pending;
    sigpending(&pending);
    dprintf(atoi(argv[2]), "%d %d", got, sigismember(&pending, SIGXFSZ));
"""


@pytest.mark.parametrize("blocked", ["0", "1"])
def test_a_limit_on_file_sizes_costs_the_host_no_signal(tmp_path: Path, blocked: str) -> None:
    """Both the notice, where the stream is a file, and the log are too large for it."""
    free, (reading, writing) = free_port(), os.pipe()
    words = [str(host(SMALL_FILES)), blocked, str(writing)]
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        with (tmp_path / "out").open("wb") as out:
            done = subprocess.run(
                [*words, str(taken)], env=daemon.environment(), stderr=out, pass_fds=[writing]
            )
    os.close(writing)
    with open(reading) as lines:
        assert (done.returncode, lines.read()) == (0, f"{free} 0")
