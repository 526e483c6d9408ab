"""The headline with a real browser: localhost:PORT is the page of the browser's own worktree."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.programs.browser import (
    AS_A_USER,
    ONE_PAGE,
    PLAYWRIGHT,
    REFUSED,
    SERVER,
    browsing,
    chromium,
    filled,
    seen_by_chromium,
    serving,
    wait_known,
    worktrees,
)
from tests.programs.http_probe import wait_until
from tests.programs.installation import Installation
from tests.programs.program_list import ProgramList
from tests.programs.running import Running

pytestmark = [pytest.mark.real, pytest.mark.slow]

PORTS = range(3000, 3100)
LOCALHOST = "http://localhost:{}/"


@pytest.fixture
def one_page(program_list: ProgramList) -> None:
    """Skip the test, by name, where there is no Chromium."""
    program_list.require(ONE_PAGE)


@pytest.fixture
def playwright(program_list: ProgramList) -> None:
    """Skip the test, by name, where there is no Playwright or no Chromium."""
    program_list.require(PLAYWRIGHT)


@pytest.mark.usefixtures("playwright")
def test_three_worktrees_each_see_their_own_page_also_after_a_restart(
    installation: Installation, tmp_path: Path
) -> None:
    port = free_port(PORTS)
    url = LOCALHOST.format(port)
    *trees, empty = worktrees(tmp_path / "repo", {"server.js": filled(SERVER, port=port)}, count=4)
    with contextlib.ExitStack() as stack:
        lives = {tree: stack.enter_context(contextlib.ExitStack()) for tree in trees}
        for tree, life in lives.items():
            life.enter_context(serving(installation, tree, port))
        browsers = {tree: stack.enter_context(browsing(installation, tree)) for tree in trees}
        seen = {tree: browser.look(url) for tree, browser in browsers.items()}
        assert seen == {tree: tree.name for tree in trees}
        assert stack.enter_context(browsing(installation, empty)).look(url) == REFUSED
        assert seen_by_chromium(installation, tmp_path, url) == trees[0].name
        # The first has the port itself, the second was moved.
        for mortal in trees[:2]:
            lives[mortal].close()
            seen = {tree: browsers[tree].look(url) for tree in trees}
            assert seen == {tree: tree.name for tree in trees} | {mortal: REFUSED}
            lives[mortal].enter_context(serving(installation, mortal, port))
            assert browsers[mortal].look(url) == mortal.name


@pytest.mark.usefixtures("one_page")
@pytest.mark.parametrize("backend", ["preload", "seccomp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::", "::1"])
def test_a_browser_finds_its_server_on_either_family(
    host: str, backend: str, installation: Installation, tmp_path: Path
) -> None:
    port = free_port(PORTS)
    files = {"server.js": filled(SERVER, port=port, host=host)}
    theirs, ours = worktrees(tmp_path / "repo", files, count=2)
    with serving(installation, theirs, port), serving(installation, ours, port):
        url = LOCALHOST.format(port)
        assert seen_by_chromium(installation, ours, url, backend=backend) == ours.name


@pytest.mark.usefixtures("one_page")
@pytest.mark.parametrize("backend", ["preload", "seccomp"])
def test_a_browser_with_its_sandbox_finds_its_server(
    backend: str, installation: Installation, tmp_path: Path
) -> None:
    if subprocess.run([*AS_A_USER, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("Chromium with its sandbox: no user namespaces can be made here")
    port = free_port(PORTS)
    files = {"server.js": filled(SERVER, port=port)}
    theirs, ours, empty = worktrees(tmp_path / "repo", files, count=3)
    with serving(installation, theirs, port), serving(installation, ours, port):
        url = LOCALHOST.format(port)
        seen = [
            seen_by_chromium(installation, tree, url, words=AS_A_USER, backend=backend)
            for tree in (ours, empty)
        ]
        assert seen == [ours.name, REFUSED]


SURROUNDINGS = {
    "without an environment": ("env", "-i", "HOME=/proc/nonexistent", "PATH=/usr/bin:/bin"),
    "with a proxy in its environment": ("env", "http_proxy=http://127.0.0.1:9"),
}


@pytest.mark.usefixtures("one_page")
@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_a_browser_finds_its_server_in_any_environment(
    surroundings: str, installation: Installation, tmp_path: Path
) -> None:
    port, words = free_port(PORTS), SURROUNDINGS[surroundings]
    files = {"server.js": filled(SERVER, port=port)}
    theirs, ours, empty = worktrees(tmp_path / "repo", files, count=3)
    with serving(installation, theirs, port), serving(installation, ours, port):
        url = LOCALHOST.format(port)
        seen = [seen_by_chromium(installation, tree, url, words=words) for tree in (ours, empty)]
        assert seen == [ours.name, REFUSED]


@pytest.mark.usefixtures("playwright")
def test_an_open_page_stays_with_its_server_by_websocket_and_event_stream(
    installation: Installation, tmp_path: Path
) -> None:
    port = free_port(PORTS)
    files = {"server.js": filled(LIVE, port=port)}
    theirs, ours = worktrees(tmp_path / "repo", files, count=2)
    with serving(installation, theirs, port), contextlib.ExitStack() as life:
        life.enter_context(serving(installation, ours, port))
        with browsing(installation, ours) as browser:
            browser.look(LOCALHOST.format(port))
            browser.wait_says(f"hello from {ours.name}, life 1, by event stream and by websocket")
            life.close()
            browser.wait_says("lost")
            life.enter_context(serving(installation, ours, port))
            browser.wait_says(f"hello from {ours.name}, life 2, by event stream and by websocket")
            assert theirs.name not in browser.program.stdout


LIVE = """
const { createHash } = require('crypto')
const { appendFileSync, readFileSync } = require('fs')
const { basename } = require('path')

appendFileSync('lives', '+')
const greeting = `hello from ${basename(__dirname)}, life ${readFileSync('lives').length}`
const page = `<h1>live</h1><script>
const stream = new EventSource('/events')
stream.onerror = () => console.log('lost')
stream.onmessage = (event) => {
  const link = new WebSocket('ws://localhost:PORT/')
  link.onmessage = (frame) => console.log(event.data + ', by event stream and ' + frame.data)
}
</script>`
const server = require('http').createServer((request, response) => {
  const isStream = request.url === '/events'
  response.setHeader('Content-Type', isStream ? 'text/event-stream' : 'text/html')
  if (isStream) response.write(`retry: 50\\ndata: ${greeting}\\n\\n`)
  else response.end(page)
})
server.on('upgrade', (request, socket) => {
  const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  const accept = createHash('sha1').update(key).digest('base64')
  const head = 'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade'
  socket.write(`${head}\\r\\nSec-WebSocket-Accept: ${accept}\\r\\n\\r\\n`)
  const words = Buffer.from('by websocket')
  socket.write(Buffer.concat([Buffer.from([0x81, words.length]), words])) // RFC 6455 section 5.2
})
server.listen(PORT, () => console.log('up'))
"""
"""A page that listens by server-sent events, asks by WebSocket, and says what it heard."""


@pytest.mark.usefixtures("playwright")
def test_an_edit_is_seen_by_its_own_page_through_vite(
    installation: Installation, tmp_path: Path
) -> None:
    port = free_port(PORTS)
    files = {name: filled(text, port=port) for name, text in HOT.items()}
    theirs, ours = worktrees(tmp_path / "repo", files, count=2)
    with contextlib.ExitStack() as stack:
        browsers = {}
        for tree in (theirs, ours):
            stack.enter_context(serving_by_vite(installation, tree, port))
            browsers[tree] = stack.enter_context(browsing(installation, tree))
            browsers[tree].look(LOCALHOST.format(port))
            browsers[tree].wait_says("loaded first")
            browsers[tree].wait_says(r"\[vite\] connected\.")
        [move] = installation.reassignments(ours)
        assert move["requested_port"] == port

        def is_hot() -> bool:
            (ours / "words.js").write_text(HOT["words.js"].replace("first", "second"))
            return "page says updated second" in browsers[ours].program.stdout

        wait_until(is_hot, "the page has the edit")
        assert browsers[ours].program.stdout.count("loaded") == 1
        assert "updated" not in browsers[theirs].program.stdout


HOT = {
    "index.html": "<h1>hot</h1><script type=module src=main.js></script>",
    "main.js": """
import { words } from './words.js'
console.log('loaded', words)
import.meta.hot.accept('./words.js', (module) => console.log('updated', module.words))
""",
    "words.js": "export const words = 'first'\n",
    "vite.config.mjs": """
export default { server: { port: PORT }, optimizeDeps: { noDiscovery: true } }
""",
}


@contextlib.contextmanager
def serving_by_vite(installation: Installation, project: Path, port: int) -> Iterator[Running]:
    """Serve from a project by Vite's own command, under Styxy."""
    with installation.run(["node_modules/.bin/vite"], cwd=project) as server:
        server.wait_line(r".*ready in.*", stream="stdout")
        yield server


@pytest.mark.usefixtures("playwright")
def test_two_browsers_with_one_debugging_port_each_obey_their_own_worktree(
    installation: Installation, tmp_path: Path
) -> None:
    port = free_port(range(9222, 9300))
    files = {"attach.mjs": filled(ATTACH, port=port)}
    trees = worktrees(tmp_path / "repo", files, count=2)
    with contextlib.ExitStack() as stack:
        for tree in trees:
            page = f"data:text/html,<h1>{tree.name}</h1>"
            words = chromium(tree, f"--remote-debugging-port={port}", page)
            browser = stack.enter_context(installation.run(words, cwd=tree, HOME=str(tmp_path)))
            browser.wait_line("DevTools listening on .*")
            wait_known(installation, tree, port)
        for tree in trees:
            with installation.run(["node", "attach.mjs"], cwd=tree) as client:
                client.wait_line(f"attached to {tree.name}", stream="stdout")


ATTACH = """
import { chromium } from 'playwright-core'

const browser = await chromium.connectOverCDP('http://localhost:PORT', { timeout: 0 })
const [page] = browser.contexts()[0].pages()
console.log('attached to', await page.textContent('h1'))
await browser.close()
"""
