"""Leases: taken and given back over HTTP and by commands, and compared with the daemon's list.

The ledger knows what was acknowledged. Where the daemon died before it answered, nobody knows: such
a lease is not in the ledger, and a release without an answer is asked for again until it has one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bench.soak.installation import Answer, Soak, Unanswered

MOST = 60
"""Leases that one worker holds; then it gives some back."""

MOURNING = 5.0
"""Seconds after which the lease of a dead holder is too old, once a daemon runs."""


UNAVAILABLE = 503


@dataclass(slots=True)
class Ledger:
    """What was acknowledged: leases that must be there, and those that must not be any more."""

    soak: Soak
    held: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def granted(self, lock_id: str, port: int) -> None:
        """Write down an acknowledged lease, and see whether somebody has its port already."""
        with self._lock:
            self.soak.tally.count("leases")
            self.soak.tally.count("grants")
            if port in self.held.values():
                self.soak.tally.lose("grants", f"port {port}, now with lease {lock_id}")
            self.held[lock_id] = port

    def releasing(self, lock_id: str) -> None:
        """Expect nothing more of a lease: it may be there or not from now on."""
        with self._lock:
            del self.held[lock_id]

    def released(self, lock_id: str) -> None:
        """Write down that a release was acknowledged."""
        with self._lock:
            self.soak.tally.count("releases")
            self.gone.add(lock_id)

    def audit(self) -> None:
        """Compare with the daemon's list. Raises `Unanswered`.

        Only what was held before the question and is held after its answer must be in the list.
        """
        with self._lock:
            before, gone = dict(self.held), set(self.gone)
        answer = self.soak.ask("GET", "/allocations")
        leases = {each["lock_id"]: each["port"] for each in answer.body["allocations"]}
        with self._lock:
            after = dict(self.held)
        tally = self.soak.tally
        for lock_id, port in before.items():
            if lock_id in after and leases.get(lock_id) != port:
                tally.lose("leases", f"{lock_id} of port {port}: {leases.get(lock_id)}")
                self._forget(lock_id)
        for lock_id in gone & leases.keys():
            tally.lose("releases", f"{lock_id} of port {leases[lock_id]}")
        if len(set(leases.values())) != len(leases):
            ports = sorted(leases.values())
            twice = {port for port in ports if ports.count(port) > 1}
            tally.lose("grants", f"twice in the daemon's list: {twice}", number=len(twice))
        with self._lock:
            self.gone -= gone

    def _forget(self, lock_id: str) -> None:
        """Count a lost lease once."""
        with self._lock:
            self.held.pop(lock_id, None)


def retried(soak: Soak, ask: Callable[[], Answer]) -> Answer | None:
    """Ask until there is an answer; None where the soak ends before."""
    is_repeat = False
    while True:
        try:
            answer = ask()
        except Unanswered:
            soak.tally.note("unanswered")
        else:
            if answer.status != UNAVAILABLE:
                return replace(answer, is_repeat=is_repeat)
            soak.tally.note("unanswered")
        is_repeat = True
        if soak.stopping.wait(0.05):
            return None


def lease_by_http(soak: Soak, ledger: Ledger, project: Path) -> None:
    """Take leases, some held by this process and some by nobody, and give them back."""
    mine: list[str] = []
    while soak.pause(0.1):
        body: dict[str, object] = {"service_type": "soak", "project_path": str(project)}
        body |= {"pid": os.getpid()} if soak.random.random() < 0.5 else {"ttl": 86_400}
        answer = retried(soak, partial(soak.ask, "POST", "/allocate", body))
        if answer is None:
            return
        if answer.status != 200:
            soak.tally.lose("commands", f"POST /allocate: {answer}")
            continue
        ledger.granted(answer.body["lock_id"], answer.body["port"])
        mine.append(answer.body["lock_id"])
        while len(mine) > MOST or (mine and soak.random.random() < 0.45):
            release_by_http(soak, ledger, mine.pop(soak.random.randrange(len(mine))))


def release_by_http(soak: Soak, ledger: Ledger, lock_id: str) -> None:
    """Give a lease back; one that an unanswered request has released already is as good."""
    ledger.releasing(lock_id)
    answer = retried(soak, partial(soak.ask, "DELETE", f"/allocate/{lock_id}?force=true"))
    if answer is None:
        return
    if answer.status == 200 or (answer.status == 404 and answer.is_repeat):
        ledger.released(lock_id)
    elif answer.status == 404:
        soak.tally.lose("leases", f"{lock_id}, when it was to be released: {answer}")
    else:
        soak.tally.lose("commands", f"DELETE /allocate: {answer}")


def lease_by_command(soak: Soak, ledger: Ledger, project: Path) -> None:
    """Do the same by commands, each of which starts a daemon where there is none."""
    mine: list[str] = []
    holder = ("--pid", str(os.getpid()))
    while soak.pause(1.0):
        begin = time.monotonic()
        if len(mine) < 5 or soak.random.random() < 0.5:
            done = soak.command("allocate", "-s", "soak", "--new", *holder, "--json", cwd=project)
            if done.returncode == 0:
                lease = json.loads(done.stdout)
                ledger.granted(lease["lock_id"], lease["port"])
                mine.append(lease["lock_id"])
        else:
            lock_id = mine.pop(0)
            ledger.releasing(lock_id)
            done = soak.command("release", lock_id, cwd=project)
            if done.returncode == 0:
                ledger.released(lock_id)
        if done.returncode != 0:
            command_failed(soak, done, begin)


def command_failed(soak: Soak, done: subprocess.CompletedProcess[str], begin: float) -> None:
    """Count a failed command as a loss, unless the daemon was killed while it ran."""
    if soak.was_served(begin, time.monotonic()):
        soak.tally.lose("commands", f"{done.args[1:]}: {done.returncode}, {done.stderr.strip()}")
    else:
        soak.tally.note("unanswered")


def kill_holders(soak: Soak, _: Ledger, project: Path) -> None:
    """Lease ports for processes, kill these, and see that no lease survives its holder."""
    while soak.pause(2.0):
        holder = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        try:
            body = {"service_type": "soak", "project_path": str(project), "pid": holder.pid}
            answer = retried(soak, partial(soak.ask, "POST", "/allocate", body))
            soak.pause(0.5)
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
        if answer is None:
            return
        if answer.status != 200:
            soak.tally.lose("commands", f"POST /allocate for a process: {answer}")
            continue
        soak.tally.count("holders")
        if not is_buried(soak, answer.body["lock_id"]):
            soak.tally.lose("holders", f"process {holder.pid}: lease {answer.body['lock_id']}")


def is_buried(soak: Soak, lock_id: str, *, patience: float = MOURNING) -> bool:
    """Whether a lease ends within some seconds of one and the same daemon."""
    begin = time.monotonic()
    while True:
        answer = retried(soak, partial(soak.ask, "GET", "/allocations?service_type=soak"))
        if answer is None:
            return True
        if lock_id not in {each["lock_id"] for each in answer.body["allocations"]}:
            return True
        now = time.monotonic()
        if not soak.was_served(begin, now):
            begin = now
        if now - begin > patience:
            return False
        soak.stopping.wait(0.05)


def audit(soak: Soak, ledger: Ledger, _: Path) -> None:
    """Compare the ledger with the daemon's list, again and again."""
    while soak.pause(1.0):
        try:
            ledger.audit()
        except Unanswered:
            soak.tally.note("unanswered")
