"""Run everything at once and count what was lost: `python -m bench.soak [--minutes 15]`."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.soak import events, leases, upkeep, worktrees
from bench.soak.installation import Soak, Unanswered, hard_coded_port
from bench.soak.tally import Tally, table
from bench.table import conditions

Job = Callable[[], None]

WORKERS = (
    leases.lease_by_http,
    leases.lease_by_http,
    leases.lease_by_http,
    leases.lease_by_command,
    leases.kill_holders,
    leases.audit,
)


@contextmanager
def installed(place: Path, *, seed: int) -> Iterator[Soak]:
    """Start a daemon in a fresh home, and stop it in the end, whoever has started it by then."""
    home = place / "home"
    home.mkdir(mode=0o700)
    (home / "config.json").write_text(json.dumps(upkeep.configuration()), encoding="utf-8")
    soak = Soak(home=home, tally=Tally(), random=random.Random(seed))
    try:
        if complaint := soak.start_daemon():
            raise Unanswered(complaint)
        yield soak
    finally:
        if soak.command("daemon", "stop", "--no-start").returncode != 0:
            soak.kill_daemon()


def soaked(soak: Soak, *, seconds: float) -> None:
    """Do all kinds of work at once for some seconds, or until Ctrl-C, then settle the accounts."""
    place = soak.home.parent
    ledger = leases.Ledger(soak)
    trees = worktrees.make_worktrees(soak, place, hard_coded_port())
    followers = [
        events.Follower(soak, f"follower {number}", events.newest(soak), number % 2 == 1)
        for number in range(events.COUNT)
    ]
    upkeep.measure_once(soak)
    run_until(soak, list(jobs(soak, ledger, trees, followers)), seconds=seconds)
    settle(soak, ledger, followers)


def jobs(
    soak: Soak,
    ledger: leases.Ledger,
    trees: list[worktrees.Worktree],
    followers: list[events.Follower],
) -> Iterator[Job]:
    """List what is done at once; each job returns when the soak stops."""
    for number, worker in enumerate(WORKERS):
        project = trees[number % len(trees)].path
        yield partial(worker, soak, ledger, project)
    for tree in trees:
        yield partial(worktrees.serve, tree)
        yield partial(worktrees.visit, tree)
    for follower in followers:
        yield follower.follow
    for words, pause in upkeep.LOOKS:
        yield partial(upkeep.look, soak, words, pause)
    for work in upkeep.WORK:
        yield partial(work, soak)


def run_until(soak: Soak, work: list[Job], *, seconds: float) -> None:
    """Run jobs in threads of their own until time is up or one fails, which is our own fault."""
    running: list[Future[None]] = []
    with ThreadPoolExecutor(max_workers=len(work)) as pool:
        try:
            running += [pool.submit(job) for job in work]
            print(f"{len(work)} workers are working", file=sys.stderr, flush=True)
            wait(running, timeout=seconds, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:
            print("stopping; the table is for the time so far", file=sys.stderr)
        finally:
            soak.stopping.set()
    for each in running:
        each.result()


def settle(soak: Soak, ledger: leases.Ledger, followers: list[events.Follower]) -> None:
    """When all is quiet, compare everything once more."""
    if complaint := soak.start_daemon():
        soak.tally.lose("kills", f"at the end: {complaint}")
        return
    ledger.audit()
    final = events.newest(soak)
    for follower in followers:
        follower.catch_up(final)
    upkeep.measure_once(soak)


def interrupted(number: int, frame: object) -> None:
    """Take SIGTERM for Ctrl-C."""
    raise KeyboardInterrupt


def main() -> int:
    """Soak, print the table; 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="how long (15)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of all chances")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    print(
        f"soaking for {options.minutes:g} minutes, seed {options.seed}; Ctrl-C ends it early",
        file=sys.stderr,
        flush=True,
    )
    place = Path(tempfile.mkdtemp(prefix="styxy-soak-"))
    began = time.monotonic()
    try:
        with installed(place, seed=options.seed) as soak:
            soaked(soak, seconds=options.minutes * 60)
    except KeyboardInterrupt:
        shutil.rmtree(place)
        print("stopped before the work began, or while its accounts were settled", file=sys.stderr)
        return 130
    took = time.monotonic() - began
    print(f"{table(soak.tally)}\n\n{took / 60:.1f} minutes, seed {options.seed}; {conditions()}")
    if soak.tally.is_lossless:
        shutil.rmtree(place)
        return 0
    print(f"something was lost; the daemon's log: {place}/home/logs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
