"""The files that an installation shares with shells and man(1): below its prefix, made at build.

Run with the standard library alone, for nothing else is there when a wheel is built.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from styxy.client.cli import completion, manual

if TYPE_CHECKING:
    from collections.abc import Callable

FILES: dict[str, Callable[[], str]] = {
    **{path: partial(completion.script, shell) for shell, path in completion.FILES.items()},
    manual.FILE: manual.page,
}
"""Where each file lies below the prefix, and what writes it."""


def write(directory: Path) -> dict[str, str]:
    """Write them into a directory; from where each one is to where it belongs."""
    written = {}
    for name, text in FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), encoding="utf-8")
        written[str(path)] = name
    return written
