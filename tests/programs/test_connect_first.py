"""Tools that start the server that they wait for: another repo's server is never taken for it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.programs.browser import PLAYWRIGHT_TEST, Tool
from tests.programs.installation import Installation
from tests.programs.program_list import ProgramList
from tests.programs.sources import NODE_MODULES, module, npm
from tests.programs.test_conflicts import wait_moved
from tests.programs.test_localhost import PORTS, seen_from, serve, wait_seen

pytestmark = pytest.mark.real

SERVE_NAME = f"{sys.executable} -u -m http.server PORT"

CHECK = """
import sys, urllib.request
print("the answer is of", urllib.request.urlopen("http://localhost:PORT/name").read().decode())
"""

PLAYWRIGHT_CONFIG = """
import { defineConfig } from '@playwright/test'
export default defineConfig({
  reporter: 'line',
  webServer: {
    command: 'SERVE', url: 'http://localhost:PORT/name', reuseExistingServer: true,
    stdout: 'pipe', stderr: 'pipe',
  },
})
"""

PLAYWRIGHT_SPEC = """
import { test } from '@playwright/test'
test('asks', async () => {
  const answer = await fetch('http://localhost:PORT/name')
  console.log(`the answer is of ${await answer.text()}`)
})
"""

CHERRYPY_APP = """
import pathlib, urllib.request
import cherrypy

class Page:
    @cherrypy.expose
    def name(self):
        return pathlib.Path("name").read_text()

cherrypy.config.update({"server.socket_port": PORT, "log.screen": False})
cherrypy.tree.mount(Page())
cherrypy.engine.start()
answer = urllib.request.urlopen("http://localhost:PORT/name").read().decode()
print("the answer is of", answer, flush=True)
cherrypy.engine.exit()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One such tool: what starts it, and whether its command line names the port."""

    tool: Tool
    words: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    names_port: bool = False


START_SERVER_AND_TEST = Waiting(
    tool=Tool("start-server-and-test", npm("start-server-and-test")),
    words=(
        str(NODE_MODULES / ".bin" / "start-server-and-test"),
        SERVE_NAME,
        "http://localhost:PORT/name",
        f"{sys.executable} check.py",
    ),
    files={"check.py": CHECK},
    names_port=True,
)
PLAYWRIGHT = Waiting(
    tool=PLAYWRIGHT_TEST,
    words=(str(NODE_MODULES / ".bin" / "playwright"), "test"),
    files={"playwright.config.mjs": PLAYWRIGHT_CONFIG, "a.spec.mjs": PLAYWRIGHT_SPEC},
)
CHERRYPY = Waiting(
    tool=Tool("CherryPy", module("cherrypy", get="make compat")),
    words=(sys.executable, "app.py"),
    files={"app.py": CHERRYPY_APP},
)


@contextlib.contextmanager
def asked_before(installation: Installation, project: Path, port: int) -> Iterator[None]:
    """Let a project have asked for a port that another's server has, and have ended since."""
    with serve(installation, project, port) as server:
        wait_moved(server, port)
        wait_seen(installation, project, port, project.name)
    yield


@pytest.mark.parametrize(
    "waiting",
    [
        pytest.param(START_SERVER_AND_TEST, marks=pytest.mark.compat),
        pytest.param(PLAYWRIGHT, marks=pytest.mark.slow),
        pytest.param(CHERRYPY, marks=pytest.mark.compat),
    ],
    ids=lambda waiting: waiting.tool.name,
)
def test_it_waits_for_its_own_server_beside_another_repos(
    waiting: Waiting, installation: Installation, tmp_path: Path, program_list: ProgramList
) -> None:
    program_list.require(waiting.tool)
    port = free_port(PORTS)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for project in (ours, theirs):
        project.mkdir()
        (project / "package.json").write_text("{}")
        (project / "name").write_text(project.name)
    (ours / "node_modules").symlink_to(NODE_MODULES)
    for name, text in waiting.files.items():
        filled = text.replace("SERVE", SERVE_NAME).replace("PORT", str(port))
        (ours / name).write_text(filled)
    words = [word.replace("PORT", str(port)) for word in waiting.words]
    with contextlib.ExitStack() as stack:
        stack.enter_context(serve(installation, theirs, port))
        wait_seen(installation, ours, port, theirs.name)
        if not waiting.names_port:
            stack.enter_context(asked_before(installation, ours, port))
            assert seen_from(installation, ours, port) == theirs.name
        tool = stack.enter_context(installation.run(words, cwd=ours))
        tool.wait_line(r".*the answer is of (\S+).*", stream="stdout")
        assert tool.wait() == 0, str(tool)
        assert "the answer is of ours" in tool.stdout
