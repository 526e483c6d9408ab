"""The browser that programs find in a project notes what they open, by each way that they know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import clean_environment
from tests.programs.developing.opening import Browser

URL = "http://localhost:8001/lab?token=secret"


@pytest.mark.parametrize(
    "words",
    [
        (sys.executable, "-m", "webbrowser", URL),
        ("xdg-open", URL),
        ("sh", "-c", f"echo 'location = \"{URL}\"' > page; exec xdg-open file://$PWD/page"),
    ],
    ids=["webbrowser", "xdg-open", "a page that leads on"],
)
def test_what_a_program_opens_is_noted(words: tuple[str, ...], tmp_path: Path) -> None:
    browser = Browser(tmp_path)
    env = browser.environment(clean_environment())
    subprocess.run(words, cwd=tmp_path, env=env, check=True, capture_output=True, timeout=60)
    assert browser.opened() == URL
    browser.forget()
    assert browser.opened() == ""
