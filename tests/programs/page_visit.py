"""A visit to the daemon's page: a script for Playwright that signs in, does something, and tells
what it has seen as JSON. And what there is to see.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.daemon import Daemon
from tests.fakes import clean_environment
from tests.programs.browser import CHROMIUM, FLAGS
from tests.programs.running import PATIENCE
from tests.programs.sources import NODE_MODULES

SERVER = """
import signal, socket, sys
kept = [socket.create_server(("127.0.0.1", int(port))) for port in sys.argv[1].split(",")]
print(*(each.getsockname()[1] for each in kept), flush=True)
signal.pause()
"""

PRELUDE = """
import { createRequire } from 'node:module'
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'

const require = createRequire(import.meta.url)
const args = [...VALUES.flags, ...VALUES.more]
const context = await chromium.launchPersistentContext(
  VALUES.profile, { executablePath: VALUES.chromium, args, timeout: 0, ...VALUES.options })
context.setDefaultTimeout(VALUES.patience)
const page = context.pages()[0] ?? await context.newPage()
const problems = []
page.on('console', (message) => {
  if (message.type() === 'error') problems.push(message.text())
})
page.on('pageerror', (error) => problems.push(error.message))
const row = (port) => page.locator('.row.port', {
  has: page.locator('.number', { hasText: new RegExp(`^${port}$`) }),
})
const open = async () => {
  await page.goto(VALUES.url)
  await page.waitForSelector('.state.live')
}
const tell = async (seen) => {
  await context.close()
  console.log(JSON.stringify({ seen, problems }))
}
"""
"""What every script has: a browser with a profile of its own, and `open`, `row` and `tell`."""


def visit(
    daemon: Daemon,
    place: Path,
    script: str,
    *,
    options: dict[str, object] | None = None,
    flags: tuple[str, ...] = (),
    problems: tuple[str, ...] = (),
    **values: object,
) -> Any:
    """Run a script with a browser of its own, and return what it tells.

    `options` are the browser's (Playwright's newContext). What its console complains of must begin
    with one of `problems`.
    """
    folder = Path(tempfile.mkdtemp(dir=place))
    (folder / "node_modules").symlink_to(NODE_MODULES)
    given = {
        "chromium": CHROMIUM,
        "flags": FLAGS,
        "more": flags,
        "profile": str(folder / "profile"),
        "options": options or {},
        "patience": PATIENCE * 1000,
        "url": daemon.call("POST", "/page/code").body["url"],
        "origin": f"http://localhost:{daemon.port}",
        **values,
    }
    path = folder / "visit.mjs"
    path.write_text(f"const VALUES = {json.dumps(given)}\n{PRELUDE}\n{script}", encoding="utf-8")
    told = json.loads(_said(path).splitlines()[-1])
    unexpected = [each for each in told["problems"] if not each.startswith(problems or "\0")]
    assert unexpected == []
    return told["seen"]


def _said(script: Path) -> str:
    """Run a script; its browser ends with it, whatever has become of it."""
    out, err = script.with_suffix(".out"), script.with_suffix(".err")
    with out.open("wb") as stdout, err.open("wb") as stderr:
        with subprocess.Popen(
            ["node", script],
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                process.wait(3 * PATIENCE)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, err.read_text()
    return out.read_text()


@contextmanager
def serving(folder: Path, ports: str = "0", *more: str) -> Iterator[tuple[int, list[int]]]:
    """Listen from a directory; tell the pid and the ports."""
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", SERVER, ports, *more],
        cwd=folder, stdout=subprocess.PIPE, env=clean_environment(),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield process.pid, [int(port) for port in process.stdout.readline().split()]
        finally:
            process.kill()


def worktrees(place: Path) -> tuple[Path, Path]:
    """Make a repo with a second worktree."""
    shop, login = place / "shop", place / "shop-login"
    git = ["git", "-C", str(shop), "-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(shop)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "begin"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", "-b", "fix/login", str(login)], check=True)
    return shop, login
