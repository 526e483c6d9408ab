"""How processes end that are not ours: by a status of their own, or by a signal."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from styxy.adapters.processes import Processes
from styxy.core.model.leases import Holder
from styxy.server.world.exits import Exits

GRANDCHILD = """
import os, subprocess, sys
child = subprocess.Popen(["sh", "-c", "read go; " + sys.argv[1]], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.readline()
child.communicate(b"go\\n")
"""
"""Its parent waits for it at once, so that only the kernel knows how it ended."""


async def followed(command: str) -> int | None:
    """Follow the child of another process until it ends; gives its status."""
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", GRANDCHILD, command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        processes = Processes()
        exits = Exits(processes)
        holder = processes.holder(int(parent.stdout.readline()))
        assert holder is not None
        ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        exits.follow(holder, lambda _holder, status: ended.set_result(status))
        exits.follow(holder, lambda _holder, status: ended.set_result(status))
        assert parent.stdin is not None
        parent.stdin.write("go\n")
        parent.stdin.close()
        return await asyncio.wait_for(ended, 20)


@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9)])
def test_the_end_of_a_strangers_child_is_known(command: str, code: int) -> None:
    status = asyncio.run(followed(command))
    if status is None:
        pytest.skip("this kernel does not tell how a process ended that was waited for")
    assert os.waitstatus_to_exitcode(status) == code


def test_who_has_ended_already_is_not_followed() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    called: list[Holder] = []

    async def follow() -> None:
        Exits(Processes()).follow(
            Holder(pid=gone.pid, start_time=1, boot="boot"),
            lambda holder, _status: called.append(holder),
        )

    asyncio.run(follow())
    assert called == []


def test_who_is_forgotten_is_followed_no_more() -> None:
    before = len(os.listdir("/proc/self/fd"))

    async def follow() -> None:
        with subprocess.Popen(["sleep", "60"]) as process:
            processes = Processes()
            exits = Exits(processes)
            holder = processes.holder(process.pid)
            assert holder is not None
            exits.follow(holder, lambda _holder, _status: None)
            exits.forget(holder)
            exits.forget(holder)
            process.send_signal(signal.SIGKILL)

    asyncio.run(follow())
    assert len(os.listdir("/proc/self/fd")) == before
