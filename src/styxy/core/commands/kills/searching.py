"""The commands that a search of files runs for what it finds: `find -exec`, `fd -x`.

No directory is read here. What is found stays unknown, but for the one case that matters to a kill:
files of pids, whose path is then the pattern that they were searched by (find(1), fd(1)).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from styxy.core.commands.shell.fields import HOLE, NOTHING_KNOWN, UNKNOWN, Field, Output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from styxy.core.commands.shell.fields import Invocation

SEARCHES = ("find", "gfind", "bfs", "fd", "fdfind")

MARK = "{}"
"""What stands for the file that was found."""

_ENDS = (";", "+")
_FIND = ("-exec", "-execdir", "-ok", "-okdir")
_FIND_NAMES = ("-name", "-iname")
_FD = ("-x", "-X", "--exec", "--exec-batch")


def commands_for_found(invocation: Invocation) -> tuple[Invocation, ...] | None:
    """Return the commands that a search runs; None if it only lists what it finds."""
    texts = invocation.texts
    found = Field(_path(texts)) if _path(texts) else NOTHING_KNOWN
    flags = _FD if texts[0].rpartition("/")[2].startswith("fd") else _FIND
    places = [place for place, each in enumerate(texts) if place and each in flags]
    commands = [_filled(_up_to_end(invocation.words[place + 1 :]), found) for place in places]
    if flags is _FD:  # fd appends what it finds if nothing stands for it
        commands = [
            [*words, *([] if MARK in texts[place:] else [found])]
            for place, words in zip(places, commands, strict=True)
        ]
    return tuple(map(invocation.with_words, filter(None, commands))) if places else None


def listed_by_search(invocation: Invocation) -> Output:
    """Return what a search prints, as far as it is known."""
    path = _path(invocation.texts)
    return Output(path + "\n") if path else UNKNOWN


def _up_to_end(words: Sequence[Field]) -> list[Field]:
    places = [place for place, each in enumerate(words) if each.text in _ENDS]
    return list(words[: places[0]] if places else words)


def _filled(words: Sequence[Field], found: Field) -> list[Field]:
    return [
        Field(each.text.replace(MARK, found.text), each.outputs + found.outputs)
        if MARK in each.text
        else each
        for each in words
    ]


def _path(texts: Sequence[str]) -> str:
    """Return the path of the pid files that are searched for; empty if it is not known."""
    flags: Mapping[str, str] = dict(pairwise(texts))
    name = next((flags[each] for each in _FIND_NAMES if each in flags), "")
    roots = [each for each in texts[1:2] if not each.startswith("-")]
    if texts[0].rpartition("/")[2].startswith("fd"):
        name, roots = next((each for each in texts[1:] if not each.startswith("-")), ""), ["."]
    if "pid" not in name or HOLE in name + "".join(roots):
        return ""
    return f"{(roots or ['.'])[0].rstrip('/')}/{name}"
