"""Hold the files to .editorconfig, and the hooks of pre-commit to the tools that there are."""

from __future__ import annotations

import configparser
import functools
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("src", "native", "tests", "bench", "docs", "scripts")
SUFFIXES = {
    ".c",
    ".css",
    ".h",
    ".html",
    ".js",
    ".json",
    ".map",
    ".md",
    ".py",
    ".sh",
    ".toml",
    ".yaml",
}
NAMES = {"Makefile", "LICENSE", ".editorconfig", ".gitignore", "activate", "commit-msg"}


def text_files() -> list[Path]:
    """List the files that people edit."""
    below = [path for name in FOLDERS for path in (ROOT / name).rglob("*")]
    ours = [path for path in [*ROOT.iterdir(), *below] if path.is_file()]
    return sorted(path for path in ours if path.suffix in SUFFIXES or path.name in NAMES)


@functools.cache
def settings_of(name: str) -> dict[str, str]:
    """Return what .editorconfig says of a file; the last section that matches wins."""
    parser = configparser.ConfigParser(strict=True)
    parser.read_string("[general]\n" + (ROOT / ".editorconfig").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for section in parser.sections():
        braces = re.fullmatch(r"(.*)\{(.+)\}", section)
        globs = [braces[1] + end for end in braces[2].split(",")] if braces else [section]
        if any(fnmatch(name, glob) for glob in globs):
            found |= parser[section]
    return found


def faults_of(raw: bytes, settings: dict[str, str], *, is_python: bool) -> Iterator[str]:
    """Name what an editor that follows the settings would have saved in another way."""
    if settings["charset"] != "utf-8":
        yield "it has another charset"
    try:
        lines = raw.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        yield str(error)
        return
    if lines[-1] != "":
        yield "the last line has no end"
    if raw[-2:] == b"\n\n":
        yield "blank lines at the end"
    for number, line in enumerate(lines, start=1):
        if line != line.rstrip():
            yield f"a blank at the end of line {number}"
        # In Python, ruff knows strings apart.
        if settings["indent_style"] == "space" and line.startswith("\t") and not is_python:
            yield f"a tab at the start of line {number}"


def test_a_file_is_as_an_editor_would_save_it() -> None:
    faults = {
        f"{path.relative_to(ROOT)}: {fault}"
        for path in text_files()
        for fault in faults_of(
            path.read_bytes(), settings_of(path.name), is_python=path.suffix == ".py"
        )
    }
    assert faults == set()


def test_what_an_editor_would_not_save_is_named() -> None:
    settings = {"charset": "utf-8", "indent_style": "space"}
    assert set(faults_of(b"a \n\tb\n\n", settings, is_python=False)) == {
        "a blank at the end of line 1",
        "a tab at the start of line 2",
        "blank lines at the end",
    }
    assert list(faults_of(b"\tb", settings, is_python=True)) == ["the last line has no end"]


def test_python_is_as_wide_for_editors_as_for_ruff() -> None:
    width = settings_of("desk.py")["max_line_length"]
    assert f"\nline-length = {width}\n" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_each_hook_of_pre_commit_calls_a_tool_of_this_project() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"^ +- repo: (.*)$", text, re.MULTILINE) == ["local"]
    entries = re.findall(r"^ +entry: \.venv/bin/(\S+)(?: (\S+))?", text, re.MULTILINE)
    assert len(entries) == text.count("- id: ")
    checks = (ROOT / "Makefile").read_text(encoding="utf-8")
    for tool, word in entries:
        if tool == "python":
            assert (ROOT / word).exists()
        else:
            assert f"$(BIN)/{tool}" in checks
