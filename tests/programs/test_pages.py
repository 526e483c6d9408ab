"""Pages that name their server's port: one load and their own socket, also outside the project."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import COMMAND
from tests.fakes import clean_environment, free_port
from tests.programs.browser import CHROMIUM_ITSELF, Tool, filled, worktrees
from tests.programs.installation import Installation
from tests.programs.program import DEV
from tests.programs.program_list import ProgramList
from tests.programs.running import Running, running
from tests.programs.sources import needing, npm
from tests.programs.test_conflicts import notice, wait_moved

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.compat]

WEBPACK = Tool(
    "webpack-dev-server in a browser",
    needing(npm("webpack-dev-server"), npm("webpack-cli"), npm("playwright-core"), CHROMIUM_ITSELF),
)

CONFIG = """
module.exports = {
  mode: 'development',
  entry: './index.js',
  devServer: { host: '127.0.0.1', static: './public' },
}
"""

ENTRY = "document.title = 'NAME'\n"

PAGE = "<!doctype html><body><script src='main.js'></script></body>\n"

LOOKING = """
import { chromium } from 'playwright-core'

const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: 0 })
const page = await browser.newPage()
page.setDefaultTimeout(0)
page.on('load', async () => console.log('load', await page.title()))
page.on('websocket', (socket) => {
  console.log('socket', socket.url())
  socket.on('framereceived', ({ payload }) => console.log('heard', payload))
})
await page.goto(process.argv[2])
await new Promise(() => {})
"""
"""Open a page and tell what becomes of it, until this is ended."""


def written(project: Path, name: str) -> None:
    """Write what the page is called."""
    (project / "index.js").write_text(ENTRY.replace("NAME", name))


@pytest.fixture
def trees(tmp_path: Path, program_list: ProgramList) -> list[Path]:
    """Two worktrees with a page each."""
    program_list.require(WEBPACK)
    files = {"webpack.config.js": CONFIG, "index.js": ENTRY, "open.mjs": filled(LOOKING)}
    made = worktrees(tmp_path, files, count=2)
    for tree in made:
        (tree / "public").mkdir()
        (tree / "public" / "index.html").write_text(PAGE)
        written(tree, f"{tree.name} at first")
    return made


@contextlib.contextmanager
def serving(
    installation: Installation, project: Path, *words: str, begin: int = 8080
) -> Iterator[Running]:
    """Serve a worktree's page, on the first free port from `begin` on unless `words` name one."""
    command = ["npx", "webpack", "serve", *words]
    with installation.run(command, cwd=project, WEBPACK_DEV_SERVER_BASE_PORT=str(begin)) as server:
        yield server


@contextlib.contextmanager
def opened(project: Path, url: str, env: dict[str, str], *, within: bool) -> Iterator[Running]:
    """Open a page in a browser of the project, or in one that knows nothing of Styxy."""
    words = [*(COMMAND if within else []), *(["run", "--"] if within else []), "node", "open.mjs"]
    with running([*words, url], cwd=project, env=env | {"HOME": str(project.parent)}) as browser:
        yield browser


def wait_updated(browser: Running, project: Path, place: int, moment: str) -> None:
    """Change the page's source, and wait until the page shows it: loaded once, then once again."""
    browser.wait_line(f"load {project.name} at first", stream="stdout")
    browser.wait_line(r'heard \{"type":"ok".*', stream="stdout")
    written(project, f"{project.name} {moment}")
    browser.wait_line(f"load {project.name} {moment}", stream="stdout")
    loads = re.findall(r"^load (.*)$", browser.stdout, re.MULTILINE)
    assert loads == [f"{project.name} at first", f"{project.name} {moment}"]
    sockets = set(re.findall(r"^socket ws://[^:]+:(\d+)/", browser.stdout, re.MULTILINE))
    assert sockets == {str(place)}


@pytest.mark.parametrize("within", [False, True], ids=["outside", "inside"])
def test_webpacks_page_has_its_own_socket_beside_another_worktree(
    within: bool, installation: Installation, trees: list[Path]
) -> None:
    theirs, ours = trees
    port = free_port(DEV)
    with serving(installation, theirs, begin=port) as first:
        first.wait_line(rf".*http://(127\.0\.0\.1|localhost):{port}/.*")
        with serving(installation, ours, begin=port) as second:
            got = wait_moved(second, port, takes="webpack")
            second.wait_line(rf".*http://(127\.0\.0\.1|localhost):{got}/.*")
            env = installation.env if within else clean_environment()
            for place, project in ((got, ours), *(((port, ours),) if within else ())):
                written(project, f"{project.name} at first")
                with opened(project, f"http://127.0.0.1:{place}/", env, within=within) as browser:
                    wait_updated(browser, project, got, f"at {place}")


def test_a_moved_webpack_says_what_looks_for_the_old_port(
    installation: Installation, trees: list[Path]
) -> None:
    theirs, ours = trees
    words = ("--port", str(port := free_port(DEV)))
    with serving(installation, theirs, *words) as first:
        first.wait_line(rf".*http://(127\.0\.0\.1|localhost):{port}/.*")
        with serving(installation, ours, *words) as second:
            said = notice(port, r"(\d+)")
            said += f"; pages opened outside this project look for {port}, pass --port " + r"(\d+)"
            found = second.wait_line(said)
            assert found[1] == found[2]
