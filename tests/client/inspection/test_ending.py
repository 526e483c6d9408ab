"""Ending real process trees: who is asked, who is killed, and who is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from styxy.adapters.processes import Processes
from styxy.client.inspection.ending import Ended, Ending
from styxy.core.reports.process_tree import ServerTree, server_tree
from tests.client.stopped_servers import serving
from tests.commands import LONGEST
from tests.fakes import free_port

PATIENCE = 0.2
"""Seconds for what will not end by itself."""


def tree_of(*pids: int) -> ServerTree:
    return server_tree(pids, Processes().table(), spared=[os.getpid()])


def ended(tree: ServerTree, patience: float = LONGEST) -> Ended:
    with Ending(tree, Processes()) as ending:
        return ending.end(patience)


def test_a_process_that_has_got_the_pid_of_another_is_not_signalled(tmp_path: Path) -> None:
    with serving(free_port(), cwd=tmp_path) as process:
        (top,) = tree_of(process.pid).tops
        before = replace(top, started=top.started - 1)
        assert ended(ServerTree(tops=(before,), rest=())) == Ended(ended=(), killed=(), left=())
        assert process.poll() is None
        assert ended(ServerTree(tops=(top,), rest=())).ended == (process.pid,)
        assert process.wait(LONGEST) == -signal.SIGTERM


def test_workers_end_with_their_server(tmp_path: Path) -> None:
    # They ignore the signal, and the server, which dies of it, does not tell them.
    with serving(free_port(), "workers", cwd=tmp_path) as process:
        tree = tree_of(process.pid)
        assert len(tree.rest) == 2
        found = ended(tree, PATIENCE)
        assert process.wait(LONGEST) == -signal.SIGTERM
    assert found.killed == tuple(each.pid for each in tree.rest)
    assert found.left == ()


def test_a_server_that_was_stopped_by_job_control_ends_too(tmp_path: Path) -> None:
    with serving(free_port(), cwd=tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        found = ended(tree_of(process.pid))
        assert process.wait(LONGEST) == -signal.SIGTERM
    assert found.killed == ()


def test_what_is_started_while_a_server_ends_ends_with_it(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, time\n"
        "def replace(*_):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        signal.signal(15, signal.SIG_IGN)\n"
        "        os.write(1, b'child %d\\n' % os.getpid())\n"
        "        while True: signal.pause()\n"
        "    os._exit(0)\n"
        "signal.signal(15, replace)\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        tree = tree_of(process.pid)
        with Ending(tree, Processes()) as ending:
            os.kill(process.pid, signal.SIGTERM)
            child = int(process.stdout.readline().split()[1])
            found = ending.end(PATIENCE)
    assert child in found.killed
    assert found.left == ()


def test_a_process_that_is_spared_lives_though_its_job_ends(tmp_path: Path) -> None:
    with serving(free_port(), "workers", cwd=tmp_path) as process:
        table = Processes().table()
        spared = next(each.pid for each in table.values() if each.parent == process.pid)
        tree = server_tree([process.pid], table, spared=[spared])
        with Ending(tree, Processes(), spared=[spared]) as ending:
            found = ending.end(PATIENCE)
        assert spared not in found.ended
        assert Processes().holder(spared) is not None
