"""Chromium in our hands: one page on the command line, or a browser that stays open, by Playwright.

Chromium is Debian's, and Playwright comes from npm without a browser of its own; a test that needs
what is not there is skipped by name.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tests.commands import COMMAND
from tests.programs.installation import Installation, Repo, under_styxy
from tests.programs.running import PATIENCE, Running, running
from tests.programs.sources import NODE, NODE_MODULES, Source, command, needing, npm

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"

REFUSED = "ERR_CONNECTION_REFUSED"


@dataclass(frozen=True, slots=True)
class Tool:
    """Name what a test needs, and where it comes from."""

    name: str
    source: Source

    def missing(self) -> str | None:
        """Say why it cannot be had on this machine."""
        return self.source.missing()


CHROMIUM_ITSELF = command("chromium", "--version", package="chromium")
# Node serves the pages.
ONE_PAGE = Tool("Chromium", needing(CHROMIUM_ITSELF, NODE))
PLAYWRIGHT = Tool(
    "Chromium by Playwright",
    needing(npm("@playwright/test", get="make programs"), CHROMIUM_ITSELF),
)
PLAYWRIGHT_TEST = Tool("Playwright's own runner", PLAYWRIGHT.source)
VITEST = Tool("Vitest in a browser", needing(npm("@vitest/browser-playwright"), CHROMIUM_ITSELF))

NO_SANDBOX = "--no-sandbox"
"""Root may not run Chromium with its sandbox."""

FLAGS = (NO_SANDBOX, "--disable-gpu", "--disable-quic", "--disable-sync")
AS_A_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""As somebody who is not root, with the same rights to files."""

QUIET = (
    "--headless",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
)
"""What Playwright adds by itself."""

SERVER = """
const { basename } = require('path')
require('http').createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/html', 'Access-Control-Allow-Origin': '*' })
  response.end(`<h1>${basename(__dirname)}</h1>`)
}).listen(PORT, HOST, () => console.log('up'))
"""
"""A page with the name of the worktree, on a port that is written into the program."""

LOOKING = """
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'

const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: 0 })
const page = await browser.newPage()
page.setDefaultTimeout(0)
page.on('console', (message) => console.log('page says', message.text()))
console.log('the browser is open')
let looks = 0
for await (const url of createInterface({ input: process.stdin })) {
  const seen = await page.goto(url).then(
    () => page.textContent('h1'),
    (error) => /net::(\\w+)/.exec(error.message)[1],
  )
  console.log(`look ${++looks}: ${seen}`)
}
await browser.close()
"""
"""Look at each URL that a line of standard input names, and tell the heading or the failure."""


def filled(text: str, *, port: int = 0, host: str = "::") -> str:
    """Write port, host and browser into a program or its configuration, as its author would."""
    values = {"PORT": str(port), "HOST": repr(host), "CHROMIUM": repr(CHROMIUM)}
    values["FLAGS"] = repr(list(FLAGS))
    return re.sub("|".join(values), lambda match: values[match[0]], text)


def worktrees(place: Path, files: Mapping[str, str], *, count: int) -> list[Path]:
    """Make worktrees of one repo that has these files, each with npm's modules."""
    repo = Repo(place)
    repo.commit({**files, "look.mjs": filled(LOOKING)})
    trees = [repo.worktree("tree") for _ in range(count)]
    for tree in trees:
        (tree / "node_modules").symlink_to(NODE_MODULES)
    return trees


@contextlib.contextmanager
def serving(installation: Installation, project: Path, port: int) -> Iterator[Running]:
    """Serve from a project, under Styxy; when this returns, it listens and the daemon knows it."""
    with installation.run(["node", "server.js"], cwd=project) as server:
        server.wait_line("up", stream="stdout")
        wait_known(installation, project, port)
        yield server


def wait_known(installation: Installation, project: Path, port: int) -> None:
    """Wait until the daemon knows that a project has a server at a port, or moved away from it."""
    done = installation.styxy.run("wait", str(port), "--owner", "here", cwd=project)
    assert done.returncode == 0, done


def chromium(project: Path, *words: str) -> list[str]:
    """Spell the command of a browser with a profile of its own."""
    profile = tempfile.mkdtemp(dir=project.parent)
    return [CHROMIUM, *QUIET, *FLAGS, f"--user-data-dir={profile}", *words]


def seen_by_chromium(
    installation: Installation,
    project: Path,
    url: str,
    *,
    words: tuple[str, ...] = (),
    backend: str = "auto",
) -> str:
    """Tell the heading of the page that a Chromium of a project gets, or its failure.

    `words` come before the browser's own; with those of AS_A_USER it has its sandbox.
    """
    browser = chromium(project, "--dump-dom", url)
    if words == AS_A_USER:
        browser.remove(NO_SANDBOX)
    done = subprocess.run(
        [*COMMAND, "run", "--backend", backend, "--", *words, *browser],
        cwd=project, env=installation.env | {"HOME": str(project.parent)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    found = re.search(r"<h1>(.*)</h1>", done.stdout) or re.search(r"net::(\w+)", done.stderr)
    assert found, done
    return found[1]


class Browser:
    """A browser of a project; it stays open from look to look."""

    def __init__(self, program: Running, urls: TextIO) -> None:
        self.program = program
        self._urls = urls
        self._looks = 0

    def look(self, url: str) -> str:
        """Tell the heading of the page, or the browser's failure."""
        self._looks += 1
        print(url, file=self._urls, flush=True)
        return self.program.wait_line(rf"look {self._looks}: (.*)", stream="stdout")[1]

    def wait_says(self, pattern: str) -> None:
        """Wait for a line in the page's console."""
        self.program.wait_line(f"page says {pattern}", stream="stdout")


@contextlib.contextmanager
def browsing(installation: Installation, project: Path) -> Iterator[Browser]:
    """Open a browser in a project, under Styxy, by an unmodified script of Playwright's."""
    read, write = os.pipe()
    env = installation.env | {"HOME": str(project.parent)}
    with (
        open(write, "w") as urls,
        running(under_styxy(["node", "look.mjs"]), cwd=project, env=env, stdin=read) as program,
    ):
        os.close(read)
        program.wait_line("the browser is open", stream="stdout")
        yield Browser(program, urls)
        urls.close()
        assert program.wait() == 0, str(program)
