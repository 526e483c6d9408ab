"""Whole suites in two worktrees at once: Playwright's own runner, and Vitest in a browser."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.commands import COMMAND
from tests.fakes import free_port
from tests.programs.browser import (
    PLAYWRIGHT_TEST,
    SERVER,
    VITEST,
    filled,
    serving,
    worktrees,
)
from tests.programs.installation import Installation, under_styxy
from tests.programs.program_list import ProgramList
from tests.programs.running import Running, running
from tests.programs.test_conflicts import notice
from tests.programs.test_localhost import wait_seen

pytestmark = [pytest.mark.real, pytest.mark.slow]

PORTS = range(3000, 3100)

SUITE = ["npx", "playwright", "test"]
ACTIVATED = ["bash", "-c", 'eval "$("$@" env)" && exec npx playwright test', "bash", *COMMAND]

CONFIG = """
import { defineConfig } from '@playwright/test'

export default defineConfig({
  timeout: 0,
  reporter: 'line',
  use: { launchOptions: { executablePath: CHROMIUM, args: FLAGS, timeout: 0 } },
  webServer: { command: 'node server.js', READY, reuseExistingServer: true },
})
"""

SPEC = """
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, test } from '@playwright/test'

test('the page is of this worktree, also while another suite runs', async ({ page }) => {
  for (const moment of ['first', 'last']) {
    await page.goto('http://localhost:PORT/')
    expect(await page.textContent('h1')).toBe(basename(process.cwd()))
    console.log(`\\nthe ${moment} look`)
    await expect.poll(() => existsSync('end'), { timeout: 0 }).toBe(true)
  }
})
"""


@pytest.mark.parametrize(
    ("words", "ready"),
    [(under_styxy(SUITE), "url: 'http://localhost:PORT/'"), (ACTIVATED, "port: PORT")],
    ids=["styxy run, asked by URL", "an activated shell, asked by port"],
)
def test_a_second_suite_starts_its_own_server_and_both_pass(
    ready: str,
    words: Sequence[str | Path],
    installation: Installation,
    tmp_path: Path,
    program_list: ProgramList,
) -> None:
    program_list.require(PLAYWRIGHT_TEST)
    port = free_port(PORTS)
    files = {
        "server.js": SERVER,
        "playwright.config.mjs": CONFIG.replace("READY", ready),
        "page.spec.mjs": SPEC,
    }
    files = {name: filled(text, port=port) for name, text in files.items()}
    theirs, ours = worktrees(tmp_path / "repo", files, count=2)
    env = installation.env | {"HOME": str(tmp_path), "npm_config_offline": "true"}
    with contextlib.ExitStack() as stack:
        suites: dict[Path, Running] = {}
        for tree in (theirs, ours):
            suites[tree] = stack.enter_context(running(words, cwd=tree, env=env))
            suites[tree].wait_line("the first look", stream="stdout")
            if tree is theirs:
                wait_seen(installation, ours, port, "ConnectionRefusedError")
        for tree in (ours, theirs):
            (tree / "end").touch()
            assert suites[tree].wait() == 0, str(suites[tree])
        [move] = installation.reassignments(ours)
        assert notice(port, move["port"]) in suites[ours].stderr + suites[ours].stdout
        assert not installation.reassignments(theirs)


VITEST_CONFIG = """
import { basename } from 'node:path'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  define: { WORKTREE: JSON.stringify(basename(process.cwd())) },
  test: {
    testTimeout: 0,
    browser: {
      enabled: true,
      headless: true,
      api: { port: SIDE },
      instances: [{ browser: 'chromium' }],
      provider: playwright({ launchOptions: { executablePath: CHROMIUM, args: FLAGS } }),
    },
  },
})
"""

VITEST_SPEC = """
import { expect, test } from 'vitest'
import { commands } from 'vitest/browser'

test('the answer is of this worktree, also while another suite runs', async () => {
  for (const moment of ['first', 'last']) {
    const answer = await fetch('http://localhost:PORT/')
    expect(await answer.text()).toContain(WORKTREE)
    console.log(`the ${moment} look`)
    await expect.poll(() => commands.readFile('end'), { timeout: 1e9 }).toBe('now')
  }
})
"""


@pytest.mark.compat
def test_a_second_vitest_has_a_browser_and_a_server_of_its_own(
    installation: Installation, tmp_path: Path, program_list: ProgramList
) -> None:
    program_list.require(VITEST)
    port, side = free_port(PORTS), free_port(range(9200, 9300))
    files = {
        "server.js": SERVER,
        "vitest.config.mjs": VITEST_CONFIG.replace("SIDE", str(side)),
        "answer.test.js": VITEST_SPEC,
        "end": "not yet",
    }
    files = {name: filled(text, port=port) for name, text in files.items()}
    trees = worktrees(tmp_path / "repo", files, count=2)
    with contextlib.ExitStack() as stack:
        suites: dict[Path, Running] = {}
        for tree in trees:
            stack.enter_context(serving(installation, tree, port))
            words = ["node_modules/.bin/vitest", "run"]
            run = installation.run(words, cwd=tree, HOME=str(tmp_path), NO_COLOR="1")
            suites[tree] = stack.enter_context(run)
            suites[tree].wait_line("the first look", stream="stdout")
        for tree, suite in suites.items():
            (tree / "end").write_text("now")
            assert suite.wait() == 0, str(suite)
        assert [each["requested_port"] for each in installation.reassignments(trees[1])] == [
            port,
            side,
        ]
