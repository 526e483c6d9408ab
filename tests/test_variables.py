"""Every environment variable that the sources read is in the one table, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from styxy.core.config.environment import VARIABLES

ROOT = Path(__file__).parent.parent
TABLE = "environment.py"

MENTIONED = re.compile(r"\b(?:STYXY|CLAUDE)_[A-Z_]*")
"""A variable wherever it stands, also one that is put together: `"STYXY_" name`, `STYXY_##name`."""

READ = re.compile(r'"((?:STYXY|CLAUDE)_[A-Z_]+)"')
GUARD = re.compile(r"^#\s*(?:ifndef|define) STYXY_[A-Z_]+_H$", re.MULTILINE)

NAMES = {variable.name for variable in VARIABLES}

OF_AGENTS = {"CLAUDE_CONFIG_DIR", "CLAUDE_ENV_FILE", "CLAUDE_PID"}
"""Variables that a coding agent sets for those that it starts, or reads itself: no settings."""


def sources(room: str) -> list[Path]:
    """The Python and C files below a folder of the repo, however deep, without the table."""
    found = (path for end in ("*.py", "*.[ch]") for path in ROOT.joinpath(room).rglob(end))
    return sorted(path for path in found if path.name != TABLE)


def mentioned_in(text: str) -> set[str]:
    """The variables that a source mentions; include guards look like some."""
    return set(MENTIONED.findall(GUARD.sub("", text))) - OF_AGENTS


def read_in(room: str) -> set[str]:
    """The variables that are named by a string literal somewhere below a folder."""
    found = {name for path in sources(room) for name in READ.findall(path.read_text("utf-8"))}
    return found - OF_AGENTS


@pytest.mark.parametrize("room", ["src", "native", "scripts"])
def test_what_the_sources_mention_is_in_the_table(room: str) -> None:
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources(room)
        for name in mentioned_in(path.read_text(encoding="utf-8")) - NAMES
    }
    assert unknown == set()


@pytest.mark.parametrize(
    "text",
    ['get(variables, "STYXY_HOMES")', 'getenv("STYXY_" "HOME")', "#define NAME(x) STYXY_##x",
     'f"STYXY_{name}"', 'getenv("CLAUDE_HOME")'],
)  # fmt: skip
def test_a_variable_that_is_not_in_the_table_is_seen(text: str) -> None:
    assert mentioned_in(text) - NAMES


def test_an_include_guard_is_not_a_variable() -> None:
    assert mentioned_in("#ifndef STYXY_SYS_H\n#define STYXY_SYS_H\n") == set()


def test_every_variable_of_the_table_is_read() -> None:
    assert read_in("src") | read_in("native") == NAMES


def test_the_guest_reads_its_settings_where_this_test_looks() -> None:
    """A floor: were the guest's files not found, all of the above would hold of nothing."""
    daemons = {"STYXY_DAEMON_HOST", "STYXY_DAEMON_PORT", "STYXY_LOG_LEVEL"}
    for_tests = {"STYXY_SKIP_AUTH", "STYXY_SHOW_FULL_KEY", "STYXY_PORTABLE"}
    of_servers = {
        "CLAUDE_CODE_SESSION_ID",
        "STYXY_ON_CONFLICT",
    }  # read in /proc, of whatever listens
    assert read_in("native") == NAMES - daemons - for_tests - of_servers


def test_no_variable_is_there_twice() -> None:
    assert len(NAMES) == len(VARIABLES)
