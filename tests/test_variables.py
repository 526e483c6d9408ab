"""Every environment variable that the sources read is in the one table."""

from __future__ import annotations

import re
from pathlib import Path

from styxy.core.config.environment import VARIABLES

ROOT = Path(__file__).parent.parent

NAMED = re.compile(r'"((?:STYXY|CLAUDE)_[A-Z_]+)"')


def test_what_the_sources_read_is_in_the_table() -> None:
    files = [*ROOT.glob("src/**/*.py"), *ROOT.glob("native/*.[ch]")]
    texts = (path.read_text(encoding="utf-8") for path in files if path.name != "environment.py")
    read = {name for text in texts for name in NAMED.findall(text)}
    assert read <= {variable.name for variable in VARIABLES}


def test_no_variable_is_there_twice() -> None:
    names = [variable.name for variable in VARIABLES]
    assert len(names) == len(set(names))
