"""What is warned of: what the doctor finds beside the daemon, and when it looks.

Also tests `own_command`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from styxy.core.errors import Unavailable
from styxy.server.reports.health import Health, PartState
from styxy.server.reports.warnings import (
    AGAIN_AFTER,
    EXAMINED_EVERY,
    SETTLING,
    Finding,
    Warnings,
    examine,
)
from styxy.server.service.own_command import run_styxy
from tests.daemon import Daemon, wait_until

TOKEN = Finding(name="token", verdict="error", message="others can use it", fix="chmod go-rwx it")
BACKUPS = Finding(name="database", verdict="warning", message="no backup; slow", fix="styxy logs")


class Installation:
    """An installation that is examined, and a daemon whose parts are as one says."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.parts: dict[str, str] = {}
        self.findings: list[Finding] | None = []
        self.examinations = 0
        health = Health()
        for name in ("backups", "journal"):
            health.register(name, self._part(name))
        self.warnings = Warnings(health, self._examine, clock=lambda: self.now)

    def _part(self, name: str) -> Callable[[], PartState]:
        def check() -> PartState:
            said = self.parts.get(name)
            return PartState("ok", "fine") if said is None else PartState("warning", said)

        return check

    async def _examine(self) -> list[Finding]:
        self.examinations += 1
        if self.findings is None:
            raise Unavailable("it said nothing")
        return self.findings

    async def watch(self, seconds: float) -> None:
        """Look each second, as the daemon's sweep does."""
        for _ in range(round(seconds)):
            self.warnings.look()
            self.warnings.sentences()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.now += 1


def watched(scene: Callable[[Installation], Coroutine[None, None, None]]) -> None:
    """Play a scene with an installation."""
    asyncio.run(scene(Installation()))


def test_what_the_doctor_finds_is_said_with_its_fix() -> None:
    async def scene(place: Installation) -> None:
        place.findings = [TOKEN]
        await place.watch(SETTLING + 1)
        assert place.warnings.sentences() == ["token: others can use it; fix: chmod go-rwx it"]

    watched(scene)


def test_what_both_know_is_said_once() -> None:
    async def scene(place: Installation) -> None:
        place.parts = {"backups": "slow"}
        assert place.warnings.sentences() == ["backups: slow"]
        place.findings = [BACKUPS]
        await place.watch(SETTLING + 1)
        assert place.warnings.sentences() == [BACKUPS.sentence]
        place.parts["journal"] = "full"
        assert place.warnings.sentences() == ["journal: full", BACKUPS.sentence]

    watched(scene)


def test_it_looks_once_a_minute_and_not_while_the_first_list_is_drawn() -> None:
    async def scene(place: Installation) -> None:
        await place.watch(SETTLING)
        assert place.examinations == 0
        await place.watch(EXAMINED_EVERY)
        assert place.examinations == 1
        await place.watch(EXAMINED_EVERY)
        assert place.examinations == 2
        place.now += 2 * EXAMINED_EVERY  # nobody looked
        await place.watch(SETTLING)
        assert place.examinations == 2

    watched(scene)


def test_it_looks_again_soon_when_something_else_is_wrong() -> None:
    async def scene(place: Installation) -> None:
        await place.watch(SETTLING + 1)
        place.parts = {"journal": "full"}
        await place.watch(AGAIN_AFTER + 1)
        assert place.examinations == 2
        await place.watch(AGAIN_AFTER + 1)
        assert place.examinations == 2

    watched(scene)


def test_without_an_examination_the_daemon_says_what_it_knows() -> None:
    async def scene(place: Installation) -> None:
        place.findings, place.parts = [BACKUPS], {"backups": "slow"}
        await place.watch(SETTLING + 1)
        place.findings = None
        await place.watch(EXAMINED_EVERY + 1)
        failed = "the installation could not be examined: it said nothing; to see why: styxy doctor"
        assert place.warnings.sentences() == ["backups: slow", failed]

    watched(scene)


def test_an_examination_that_fails_is_tried_again_soon_and_then_ever_later() -> None:
    async def scene(place: Installation) -> None:
        place.findings = None
        await place.watch(SETTLING + 1)
        counts = []
        for _ in range(4):
            await place.watch(AGAIN_AFTER + 1)
            counts.append(place.examinations)
        assert counts == [2, 2, 3, 3]
        place.findings = [TOKEN]
        await place.watch(EXAMINED_EVERY + 1)
        assert place.warnings.sentences() == [TOKEN.sentence]

    watched(scene)


def test_a_doctor_that_is_killed_is_said() -> None:
    async def killed() -> str:
        examining = asyncio.create_task(examine())
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        while not (begun := children.read_text().split()):
            await asyncio.sleep(0)
        os.kill(int(begun[0]), signal.SIGKILL)
        with pytest.raises(Unavailable) as failure:
            await examining
        return failure.value.message

    assert asyncio.run(killed()) == "styxy doctor was ended by SIGKILL"


def test_a_command_that_does_not_end_is_ended() -> None:
    with pytest.raises(Unavailable, match="did not end within"):
        asyncio.run(run_styxy("wait", "1", "--no-start", patience=0))


def test_a_command_that_nobody_waits_for_any_more_is_ended() -> None:
    async def scene() -> None:
        waiting = asyncio.create_task(run_styxy("wait", "1", "--no-start"))
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        before = set(children.read_text().split())
        while not (begun := set(children.read_text().split()) - before):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while begun & set(children.read_text().split()):
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(scene(), 60))


@pytest.mark.slow
def test_whoever_looks_hears_what_the_doctor_finds(fresh: Daemon) -> None:
    def warnings() -> list[str]:
        told: list[str] = fresh.call("GET", "/overview").body["warnings"]
        return told

    os.chmod(fresh.home / "auth.token", 0o644)
    assert not any("auth.token" in each for each in warnings())
    link = fresh.connect()
    link.request("GET", "/events?event=changed")
    with link.getresponse():
        wait_until(lambda: any("fix: chmod go-rwx" in each for each in warnings()))
    link.close()
