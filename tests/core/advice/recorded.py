"""The outputs beside this file: what real tools wrote when they could not have their port.

The first line of each has, between tabs, the tool, its version, the command, its exit status
(`ended`: it had to be ended), the kind of failure, and the port, or `-` if the output does not
tell it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ONLY_UNFAILED = "only unfailed: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An output, and what is to be found in it."""

    name: str
    command: str
    kind: str
    port: int | None
    output: str


def recorded() -> list[Recorded]:
    """Every recorded output."""
    return [_read(path) for path in sorted((HERE / "failures").glob("*.txt"))]


def _read(path: Path) -> Recorded:
    head, _, output = path.read_text(encoding="utf-8").partition("\n")
    name, _version, command, _status, kind, port = head.split("\t")
    assert name == path.stem
    return Recorded(
        name=name,
        command=command,
        kind=kind,
        port=None if port == "-" else int(port),
        output=output,
    )


def lookalikes() -> list[tuple[str, str]]:
    """The titles and the texts of outputs that are no failure."""
    text = (HERE / "lookalikes.txt").read_text(encoding="utf-8")
    return [
        (title, output)
        for title, _, output in (each.partition("\n") for each in text.split("%%% ")[1:])
    ]


def wordings() -> list[tuple[str, int | None, str]]:
    """The name, the port and the output of tools that were not run: from their documentation, or
    from reports of their users.
    """
    text = (HERE / "wordings.txt").read_text(encoding="utf-8")
    found = []
    for block in text.split("%%% ")[1:]:
        head, _, output = block.partition("\n")
        title, _, port = head.partition("\t")
        found.append((title, None if port == "-" else int(port), output))
    return found
