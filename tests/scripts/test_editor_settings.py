"""Hold the files to .editorconfig, and the hooks of pre-commit to the tools that there are."""

from __future__ import annotations

import configparser
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("path", text_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_as_an_editor_would_save_it(path: Path) -> None:
    settings, raw = settings_of(path.name), path.read_bytes()
    assert settings["charset"] == "utf-8"
    lines = raw.decode("utf-8").split("\n")
    assert lines[-1] == "", "the last line has no end"
    assert raw[-2:] != b"\n\n", "blank lines at the end"
    assert not [line for line in lines if line != line.rstrip()]
    if settings["indent_style"] == "space" and path.suffix != ".py":  # ruff knows strings apart
        assert not [line for line in lines if line.startswith("\t")]


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
