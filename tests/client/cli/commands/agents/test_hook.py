"""hook: what a person sees of it; what agents get is in tests/client/agents."""

from __future__ import annotations

import pytest

from tests.commands import CommandLine


@pytest.mark.parametrize("words", [["hook", "--help"], ["help", "hook"], ["hook", "x", "-h"]])
def test_who_asks_for_help_gets_it(styxy: CommandLine, words: list[str]) -> None:
    done = styxy.run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: styxy hook")
    assert "claude, codex, gemini, qwen, copilot, opencode, cursor or auto" in done.stdout


def test_the_long_way_is_the_same(styxy: CommandLine) -> None:
    """Flags before the command lead through the parser."""
    done = styxy.run("--no-start", "hook", "claude", "PreToolUse")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not styxy.home.exists()
