"""Problems: what is wrong with a configuration, each with its key and, where known, its place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from styxy.core.config.located import Path, Spot

LONGEST_SHOWN = 60

_PLAIN = re.compile(r"[\w*/:-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Say in a sentence what is wrong with the value at `path`; `()` is the whole file."""

    path: Path
    sentence: str
    file: str | None = None
    spot: Spot | None = None

    @property
    def key(self) -> str:
        """The path as people write it."""
        return shown_path(self.path)

    @property
    def where(self) -> str:
        """File, line and column, as far as they are known, as compilers write them."""
        parts = [self.file or ""]
        if self.spot is not None:
            parts += [str(self.spot.line), str(self.spot.column)]
        return ":".join(part for part in parts if part)

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}" if self.where else self.sentence


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
