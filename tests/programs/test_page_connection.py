"""How the page keeps up with the daemon, and with what becomes of it: in a real browser."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.fakes import free_port
from tests.programs.page_visit import SERVER, serving, visit, worktrees

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.usefixtures("playwright")]


def test_a_page_that_nobody_sees_holds_no_stream(daemon: Daemon, tmp_path: Path) -> None:
    port = free_port()
    before, seen, hidden, again = visit(
        daemon,
        tmp_path,
        """
        const followers = async (count) => {
          for (;;) {
            const headers = { Authorization: `Bearer ${VALUES.token}` }
            const answer = await fetch(`${VALUES.origin}/metrics?format=json`, { headers })
            const { metrics } = await answer.json()
            const found = metrics.find((each) => each.name === 'styxy_event_followers')
            const { value } = found.samples[0]
            if (count === undefined || value === count) return value
            await new Promise((done) => setTimeout(done, 20))
          }
        }
        // A page that is driven by Playwright is never hidden: say what a browser says.
        const look = (isHidden) => page.evaluate((hidden) => {
          Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true })
          document.dispatchEvent(new Event('visibilitychange'))
        }, isHidden)
        const before = await followers()
        await open()
        const seen = await followers(before + 1)
        await look(true)
        const hidden = await followers(before)
        const server = spawn(VALUES.python, ['-IS', '-c', VALUES.server, String(VALUES.port)])
        await once(server.stdout, 'data')
        await look(false)
        await row(VALUES.port).waitFor()
        const again = await followers(before + 1)
        server.kill('SIGKILL')
        await tell([before, seen, hidden, again])
        """,
        python=sys.executable, server=SERVER, port=port, token=daemon.token,
    )  # fmt: skip
    assert (seen, hidden, again) == (before + 1, before, before + 1)


def test_a_refusal_is_shown_and_the_page_tries_again(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        said = visit(
            daemon,
            tmp_path,
            """
            const { writeFileSync } = await import('node:fs')
            const limit = (requests) => writeFileSync(
              VALUES.config, JSON.stringify({ rate_limit: { requests, window: 3600 } }))
            await open()
            limit(1)
            while (!await page.locator('.state.refused').count()) {
              // Who comes back to the page has it ask.
              await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
              await new Promise((done) => setTimeout(done, 20))
            }
            const said = await page.textContent('.state')
            limit(0)
            await page.waitForSelector('.state.live')
            await tell(said)
            """,
            config=str(daemon.home / "config.json"),
            problems=("Failed to load resource",),
        )
    assert said.startswith("rate limit of 1 requests exceeded")


def test_who_signs_out_without_the_daemon_is_out_and_is_told(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        problem, proof = visit(
            daemon,
            tmp_path,
            """
            await open()
            process.kill(VALUES.pid, 'SIGTERM')
            await page.waitForSelector('.state.waiting')
            await page.getByRole('button', { name: 'Sign out' }).click()
            const problem = await page.textContent('.signed-out .problem')
            await tell([problem, await page.evaluate(() => localStorage.getItem('styxy.proof'))])
            """,
            pid=daemon.process.pid,
            problems=("Failed to load resource",),
        )
    assert problem.startswith("Signed out here, but the daemon may not know of it: ")
    assert proof is None


def test_a_server_is_found_by_the_branch_that_its_project_has_now(
    daemon: Daemon, tmp_path: Path
) -> None:
    _, login = worktrees(tmp_path)
    with serving(login) as (_, [port]):
        visit(
            daemon,
            tmp_path,
            """
            const { spawnSync } = await import('node:child_process')
            await open()
            await page.fill('input[type=search]', `${VALUES.port} fix/login`)
            await row(VALUES.port).waitFor()
            spawnSync('git', ['-C', VALUES.folder, 'branch', '-m', 'fix/logout'])
            await row(VALUES.port).waitFor({ state: 'detached' })
            await page.fill('input[type=search]', `${VALUES.port} fix/logout`)
            await row(VALUES.port).waitFor()
            await tell(null)
            """,
            folder=str(login),
            port=port,
        )


def test_a_restart_of_the_daemon_signs_out_and_says_how_to_sign_in(tmp_path: Path) -> None:
    with Daemon(tmp_path / "home") as daemon:
        said = visit(
            daemon,
            tmp_path,
            """
            await open()
            process.kill(VALUES.pid, 'SIGTERM')
            await page.waitForSelector('.state.waiting')
            const waiting = await page.textContent('.state')
            await tell(waiting)
            """,
            pid=daemon.process.pid,
            problems=("Failed to load resource",),
        )
    assert "styxy daemon start -d" in said
    assert os.path.isdir(tmp_path)
