"""Problems: what is wrong with a configuration, each with its key and its file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.messages import LONGEST_SHOWN

if TYPE_CHECKING:
    from styxy.core.json_data import Path

_PLAIN = re.compile(r"[\w*/:-]+", re.ASCII)


class Problem(Struct, frozen=True, kw_only=True):
    """Say in a sentence what is wrong with the value at `path`; `()` is the whole file.

    A file that is not JSON has a line and a column, counted from 1; a value has its path.
    """

    path: Path
    sentence: str
    file: str | None = None
    line: int | None = None
    column: int | None = None

    @property
    def key(self) -> str:
        """The path as people write it."""
        return shown_path(self.path)

    def __str__(self) -> str:
        where = ":".join(str(each) for each in (self.file, self.line, self.column) if each)
        return f"{where}: {self.sentence}" if where else self.sentence


def shown_path(path: Path) -> str:
    """Join a path with dots; what could be misread is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        part = part if len(part) <= LONGEST_SHOWN else f"{part[:LONGEST_SHOWN]}..."
        word = part if _PLAIN.fullmatch(part) else repr(part)
        text += f".{word}" if text else word
    return text
