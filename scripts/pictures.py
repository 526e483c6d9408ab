"""Make the pictures of README and docs from a real daemon: what `make pictures` does.

    python -m scripts.pictures [--into DIRECTORY]

Three worktrees of one repo each start a server on port 8000. That is typed into real shells and
drawn as `session.svg`; then `styxy top` and the page look at the same daemon: `top.svg`, `page.png`
and `page-dark.png`. All of it happens in a network of its own, where every port is free, and in a
home that is gone afterwards. The page needs Chromium and Playwright (`make programs`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styxy.client.daemon.connection import Connection

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
NODE_MODULES = ROOT / ".cache" / "programs" / "node_modules"
STYXY = [sys.executable, "-P", "-m", "styxy"]

PATIENCE = 30.0
"""Seconds that one step may take."""

COLUMNS = 100
TOP_SIZE = (100, 17)
PAGE_SIZE = (1200, 520)

TREES = {"shop": "main", "shop-login": "login", "shop-search": "search"}
SESSION = "claude-7f3a"
SUITE = "curl -sS http://localhost:8000/branch.txt"
SERVE = "styxy run -- python3 -m http.server 8000"

LOOK = """
import { chromium } from 'playwright-core'
const [executablePath, directory, width, height, ...urls] = process.argv.slice(2)
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
for (const [at, colorScheme] of ['light', 'dark'].entries()) {
  const viewport = { width: Number(width), height: Number(height) }
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce' })
  const page = await context.newPage()
  await page.goto(urls[at])
  await page.getByRole('searchbox').fill('shop')
  await page.getByText('8002').first().waitFor()
  await page.getByText('9876').first().waitFor({ state: 'hidden' })
  await page.screenshot({ path: `${directory}/page${at ? '-dark' : ''}.png` })
  await context.close()
}
await browser.close()
"""
"""Sign in twice, once for each colour scheme, search, and take a picture of what is found. The
search also hides the daemon, whose command line has a path of the machine that makes pictures."""


class Failed(Exception):
    """Say in one sentence what is missing, or what did not happen."""


@dataclass(slots=True)
class Stage:
    """A home with the worktrees, the environment of everything in it, and what was typed so far."""

    home: Path
    env: Mapping[str, str]
    session: list[str] = field(default_factory=list)

    def run(self, *words: str, cwd: str = "shop") -> str:
        """Run a command to its end, and return what it prints."""
        done = subprocess.run(
            words, cwd=self.home / cwd, env=self.env, capture_output=True, text=True, check=False,
            timeout=PATIENCE,
        )  # fmt: skip
        if done.returncode:
            raise Failed(f"{words[0]} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def connection(self) -> Connection:
        """Connect to its daemon."""
        from styxy.adapters.paths import Paths
        from styxy.client.daemon.connection import Connection

        return Connection(Paths(self.env))

    @contextlib.contextmanager
    def typed(self, line: str, *, tree: str, until: str | None = None) -> Iterator[None]:
        """Type a line into a shell with a terminal, and keep what it says.

        With `until`, wait for that text and let the command go on until the block ends.
        """
        shown = f"{line} &" if until else line
        self.session.append(f"\x1b[34m~/{tree}\x1b[0m $ \x1b[1m{shown}\x1b[0m\r\n")
        ours, theirs = os.openpty()
        shell = subprocess.Popen(
            ["bash", "--norc", "-c", line], cwd=self.home / tree, env=self.env, stdin=theirs,
            stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        try:
            self.session.append(_read(ours, until))
            yield
        finally:
            shell.terminate()
            shell.wait(PATIENCE)
            os.close(ours)


def _read(terminal: int, until: str | None) -> str:
    """Read what a terminal shows, to its end or to a text. Raises `Failed` if it does not come."""
    said = b""
    deadline = time.monotonic() + PATIENCE
    while until is None or until.encode() not in said or not said.endswith(b"\n"):
        if not select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise Failed(f"nothing said {until!r} within {PATIENCE:g} s, only: {said.decode()!r}")
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # EIO: everybody has closed the other end
            break
        said += piece
    return said.decode()


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Make three worktrees and a daemon, and end the daemon in the end."""
    with tempfile.TemporaryDirectory(prefix="styxy-pictures-") as scratch:
        home = Path(scratch, "ada")
        home.mkdir()
        inherited = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        made = Stage(home, {
            **inherited,
            "HOME": str(home), "STYXY_HOME": str(home / ".styxy"), "USER": "ada",
            "LANG": "C.UTF-8", "TERM": "xterm-256color",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull, "PYTHONUNBUFFERED": "1",
        })  # fmt: skip
        _make_trees(made)
        try:
            yield made
        finally:
            made.run(*STYXY, "daemon", "stop", cwd=".")


def _make_trees(made: Stage) -> None:
    ada = ("-c", "user.name=ada", "-c", "user.email=ada@localhost")
    made.run("git", "init", "-q", "-b", "main", "shop", cwd=".")
    Path(made.home, "shop/suite.sh").write_text(f"{SUITE}\n", encoding="utf-8")
    for tree, branch in TREES.items():
        if tree != "shop":
            made.run("git", "worktree", "add", "-q", "-b", branch, f"../{tree}")
        Path(made.home, tree, "branch.txt").write_text(f"{branch}\n", encoding="utf-8")
        made.run("git", "add", ".", cwd=tree)
        made.run("git", *ada, "commit", "-q", "-m", branch, cwd=tree)


def play(made: Stage, directory: Path) -> None:
    """Start the servers, and draw what they and the daemon show."""
    made.run(*STYXY, "daemon", "start", "-d")
    with contextlib.ExitStack() as servers:
        with made.typed("cat suite.sh", tree="shop"):
            pass
        for tree in TREES:
            servers.enter_context(made.typed(SERVE, tree=tree, until="Serving HTTP"))
            made.run(*STYXY, "wait", "8000", "--owner", "here", cwd=tree)
        each = f"for tree in {' '.join(TREES)}; do (cd ~/$tree && styxy run -- sh suite.sh); done"
        with made.typed(each, tree="shop"):
            pass
        with made.typed("styxy stop 8000", tree="shop-login"):
            pass
        _add_others(made)
        # As in the documents, ada's home is where one usually is.
        session = "".join(made.session).replace(str(made.home), "/home/ada")
        draw_session(session, directory / "session.svg")
        asyncio.run(draw_top(made, directory / "top.svg"))
        draw_page(made, directory)


def _add_others(made: Stage) -> None:
    """Let the machine have what others have, too: leases without a server, an agent's session."""
    session = {
        "instance_id": "claude-7f3a",
        "pid": os.getpid(),
        "project_path": f"{made.home}/shop",
    }
    made.connection().ask("POST", "/instance/register", session)
    made.run(*STYXY, "allocate", "-s", "dev", "-n", "web", "--instance", "claude-7f3a", cwd="shop")
    made.run(*STYXY, "allocate", "-s", "storybook", "-n", "stories", cwd="shop-search")


def draw_session(text: str, path: Path) -> None:
    """Draw what a terminal has shown."""
    import io

    from rich.console import Console
    from rich.text import Text

    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True,
        color_system="truecolor",
    )  # fmt: skip
    console.print(Text.from_ansi(text.replace("\r\n", "\n").rstrip()))
    write_svg(console.export_svg(title="three worktrees, one port", unique_id="session"), path)


async def draw_top(made: Stage, path: Path) -> None:
    """Draw the terminal view as it looks at the daemon now."""
    from styxy.client.terminal.app import Top

    top = Top(made.connection(), made.env, project=str(made.home / "shop-login"))
    async with asyncio.timeout(PATIENCE), top.run_test(size=TOP_SIZE) as pilot:
        while not {8000, 8001, 8002, 6006} <= top.facts.ports.keys():
            await pilot.pause(0.05)
        top.title = "styxy top"
        await pilot.pause()
        write_svg(top.export_screenshot(), path)


def write_svg(svg: str, path: Path) -> None:
    """Write a drawing that asks no other host for its letters."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+", "top", svg)
    svg = svg.replace("Fira Code, monospace", "ui-monospace, 'DejaVu Sans Mono', monospace")
    path.write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), encoding="utf-8")


def draw_page(made: Stage, directory: Path) -> None:
    """Let Chromium take pictures of the page. Raises `Failed` where it or Playwright is missing."""
    node, chromium = shutil.which("node"), shutil.which("chromium")
    if node is None or chromium is None or not NODE_MODULES.is_dir():
        raise Failed("the page needs node, chromium and what `make programs` installs")
    if warnings := made.connection().ask("GET", "/overview").data["warnings"]:
        print(f"warnings will be seen; make the pictures again on a quiet machine: {warnings}")
    urls = [made.run(*STYXY, "open", "--print").strip() for _ in range(2)]
    program = made.home / "look.mjs"
    program.write_text(LOOK, encoding="utf-8")
    (made.home / "node_modules").symlink_to(NODE_MODULES)
    made.run(node, str(program), chromium, str(directory), *map(str, PAGE_SIZE), *urls)


def main() -> int:
    """Make all pictures, in a network of their own."""
    parser = argparse.ArgumentParser(description="Make the pictures of README and docs.")
    parser.add_argument("--into", metavar="DIRECTORY", type=Path, default=PICTURES)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        from tests.network import own_network

        network = own_network()
        if not network:
            print("pictures: the kernel allows no network of one's own here", file=sys.stderr)
            return 1
        words = [sys.executable, "-m", "scripts.pictures", "--inside", "--into"]
        return subprocess.run(
            [*network, *words, str(options.into.absolute())], cwd=ROOT, check=False
        ).returncode
    options.into.mkdir(parents=True, exist_ok=True)
    try:
        with stage() as made:
            play(made, options.into)
    except (Failed, OSError, subprocess.TimeoutExpired) as failure:
        print(f"pictures: {failure}", file=sys.stderr)
        return 1
    print(f"wrote {', '.join(sorted(each.name for each in options.into.iterdir()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
