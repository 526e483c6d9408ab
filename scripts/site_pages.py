"""Settle which pages the site has, and in which order: a hook of MkDocs that `make site` runs.

`mkdocs.yml` names them in the order in which they are read. A page that it names and that is not
there is left out, and one that is there and that it does not name comes last, so that no page of
docs/ is missing from the site because somebody forgot a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

Item = str | dict[str, "str | list[Item]"]
"""An entry of the navigation: a page, a page with a title, or a titled list of entries."""


class Config(Protocol):
    """What is needed of MkDocs's configuration."""

    docs_dir: str
    nav: list[Item] | None


def on_config(config: Config) -> Config:
    """Bring the navigation into line with the pages that there are."""
    there = {path.name for path in Path(config.docs_dir).glob("*.md")}
    config.nav = navigation(config.nav or [], there)
    return config


def navigation(items: Iterable[Item], there: set[str]) -> list[Item]:
    """Keep the entries whose pages are there, and add the others."""
    kept = list(existing(items, there))
    return [*kept, *sorted(there - set(pages(kept)))]


def existing(items: Iterable[Item], there: set[str]) -> Iterator[Item]:
    """Walk the entries whose pages are there; a list of which nothing is left goes, too."""
    for item in items:
        if isinstance(item, str):
            if item in there:
                yield item
            continue
        ((title, inside),) = item.items()
        if isinstance(inside, str):
            if inside in there:
                yield item
        elif left := list(existing(inside, there)):
            yield {title: left}


def pages(items: Iterable[Item]) -> Iterator[str]:
    """Walk the pages of all entries."""
    for item in items:
        if isinstance(item, str):
            yield item
            continue
        for inside in item.values():
            yield from [inside] if isinstance(inside, str) else pages(inside)
