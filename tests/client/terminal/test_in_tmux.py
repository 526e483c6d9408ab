"""The view in a real terminal: tmux(1) draws it, types into it and takes what it copies."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.client.stopped_servers import serving
from tests.commands import COMMAND, LONGEST, CommandLine
from tests.daemon import wait_until
from tests.fakes import free_port

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Tmux:
    """A tmux server of the test's own, with one window."""

    command: tuple[str, ...]

    def __call__(self, *words: str) -> str:
        """Run one of its commands and return what it prints."""
        return subprocess.run(
            [*self.command, *words], capture_output=True, text=True, check=True, timeout=LONGEST
        ).stdout

    def screen(self) -> str:
        """What the window shows."""
        return self("capture-pane", "-p")

    def type(self, *keys: str) -> None:
        """Press keys, named as in tmux(1)."""
        self("send-keys", *keys)

    def wait_for(self, text: str) -> str:
        """Wait until the window shows a text, and return all that it shows."""
        wait_until(lambda: text in self.screen())
        return self.screen()


@contextmanager
def window(
    styxy: CommandLine, place: Path, *, columns: int = 80, lines: int = 24, **env: str
) -> Iterator[Tmux]:
    """Open a window in which `styxy top` runs; when it has ended, the window says how."""
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("there is no tmux")
    tmux = Tmux((program, "-S", str(place / "tmux"), "-f", "/dev/null"))
    top = f"{shlex.join([*COMMAND, 'top'])}; echo ended with $?; exec cat"
    size = ("-x", str(columns), "-y", str(lines))
    subprocess.run(
        [*tmux.command, "new-session", "-d", *size, "sh", "-c", top],
        env={**styxy.env, "TERM": "xterm-256color", "LANG": "C.UTF-8", **env},
        cwd=place,
        check=True,
        timeout=LONGEST,
    )
    try:
        tmux("set", "-g", "set-clipboard", "on")
        yield tmux
    finally:
        tmux("kill-server")


def test_it_starts_the_daemon_and_shows_the_ports_live(styxy: CommandLine, here: Path) -> None:
    port = free_port()
    with window(styxy, here) as tmux:
        tmux.wait_for("live")
        with serving(port, cwd=here) as server:
            screen = tmux.wait_for(str(port))
            assert "this project" in screen
            assert "/ Filter" in screen.splitlines()[-1]
            tmux.type("/", *str(port), "Enter")
            wait_until(lambda: tmux.screen().count(" server\n") == 1)  # one project is left
            tmux.type("c")
            tmux.wait_for(f"copied http://localhost:{port}/")
            wait_until(lambda: tmux("list-buffers") != "")
            assert tmux("show-buffer") == f"http://localhost:{port}/"
            tmux.type("s")
            tmux.wait_for(f"on port {port}?")
            tmux.type("y")
            assert server.wait(LONGEST) != 0
            tmux.wait_for("Nothing here matches")
        tmux.type("Escape")
        wait_until(lambda: "Nothing here matches" not in tmux.screen())
        tmux.type("q")
        tmux.wait_for("ended with 0")


def test_ctrl_c_ends_it_and_leaves_the_terminal_as_it_was(running: CommandLine, here: Path) -> None:
    with window(running, here) as tmux:
        tmux.wait_for("live")
        tmux.type("C-c")
        assert tmux.wait_for("ended with 0").strip() == "ended with 0"
        assert tmux("display", "-p", "#{alternate_on}#{mouse_any_flag}#{cursor_flag}") == "001\n"


def test_it_is_as_large_as_its_window_whatever_the_variables_say(
    running: CommandLine, here: Path
) -> None:
    with window(running, here, columns=60, lines=12, COLUMNS="80", LINES="24") as tmux:
        tmux.wait_for("q Quit")
        assert tmux.screen().startswith("Styxy ")
        tmux("resize-window", "-x", "70", "-y", "14")
        wait_until(lambda: tmux.screen().rstrip("\n").count("\n") == 13)
        assert tmux.screen().startswith("Styxy ")


def test_it_says_that_the_daemon_is_gone_and_starts_none(running: CommandLine, here: Path) -> None:
    with window(running, here, columns=60, lines=12) as tmux:
        tmux.wait_for("live")
        assert running.run("daemon", "stop").returncode == 0
        tmux.wait_for("the daemon has gone; waiting for it: styxy daemon start -d")
        assert running.run("daemon", "status").returncode == 3
        assert running.run("daemon", "start", "-d").returncode == 0
        wait_until(lambda: "has gone" not in tmux.screen())


def test_there_is_no_colour_where_none_is_wanted(running: CommandLine, here: Path) -> None:
    running.run("allocate", "-s", "dev", "-n", "web", cwd=here)
    with window(running, here, NO_COLOR="1") as tmux:
        tmux.wait_for("web")
        coloured = tmux("capture-pane", "-p", "-e")
    codes = {code for part in re.findall(r"\x1b\[([0-9;]*)m", coloured) for code in part.split(";")}
    assert codes <= {"", "0", "1", "2", "7", "39", "49"}
