"""styxy open: the browser that is started, and what is printed where there is none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from styxy.client.daemon.browser import opened_by
from tests.commands import CommandLine

URL = "http://localhost:9876/#code=abc"
ADDRESS = re.compile(r"http://localhost:[0-9]+/#code=[\w-]{32}")


def program(folder: Path, name: str, *, status: int = 0) -> Path:
    """Make a program that writes down what it is to open."""
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$@" >> "{folder}/opened"\nexit {status}\n')
    path.chmod(0o755)
    return path


def opened(folder: Path) -> list[str]:
    """What the programs have written down."""
    return (folder / "opened").read_text().splitlines()


@pytest.mark.parametrize(
    ("form", "said"),
    [("{}", URL), ("{} --new-window", f"--new-window {URL}"), ("{} --url=%s", f"--url={URL}")],
)
def test_the_browser_of_the_variable_gets_the_address(form: str, said: str, tmp_path: Path) -> None:
    path = program(tmp_path, "browser")
    assert opened_by(URL, {"BROWSER": form.format(path)}) == str(path)
    assert opened(tmp_path) == [said]


def test_one_that_fails_gives_way_to_the_next(tmp_path: Path) -> None:
    broken, good = program(tmp_path, "broken", status=3), program(tmp_path, "good")
    variable = f"{tmp_path}/missing:'unbalanced:{broken}:{good}"
    assert opened_by(URL, {"BROWSER": variable}) == str(good)
    assert opened(tmp_path) == [URL, URL]


def test_the_desktop_is_asked_where_there_is_one(tmp_path: Path) -> None:
    program(tmp_path, "xdg-open")
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "WAYLAND_DISPLAY": "wayland-0"}
    assert opened_by(URL, env) == "xdg-open"
    del env["WAYLAND_DISPLAY"]
    assert opened_by(URL, env) is None


@pytest.mark.parametrize("option", ["--print", "--no-browser"])
def test_the_address_is_printed_alone(option: str, running: CommandLine) -> None:
    done = running.run("open", option)
    assert (done.returncode, done.stderr) == (0, "")
    assert ADDRESS.fullmatch(done.stdout.strip())


def test_without_a_browser_the_address_is_printed_and_why(running: CommandLine) -> None:
    done = running.run("open")
    assert done.returncode == 0
    assert ADDRESS.fullmatch(done.stdout.strip())
    assert done.stderr == ("styxy: no browser could be started; open this address within 60 s\n")


def test_the_answer_as_json_is_one_document(running: CommandLine, tmp_path: Path) -> None:
    path = program(tmp_path, "browser")
    running.env["BROWSER"] = str(path)
    answer = json.loads(running.run("open", "--json").stdout)
    assert (answer["success"], answer["opened_by"]) == (True, str(path))
    assert opened(tmp_path) == [answer["url"]]
