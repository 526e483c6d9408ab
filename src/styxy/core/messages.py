"""Helpers for messages: counts, shortened values and suggestions.

All "did you mean" guesses are made here. A word that resembles nothing gets no guess: a list of the
choices helps, a far-fetched guess misleads. The command line loads this module at every start.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ISSUES = ""
"""The URL where bugs are reported. There is none yet, and until there is, every text names
CONTRIBUTING.md. README and documents (`make docs`), help, man page and package metadata follow.
"""

LONGEST_SHOWN = 60
"""Characters of quoted user input in a message."""

LONGEST_SENTENCE = 1000
"""Characters of any message: one may quote a path of 32 KiB."""

HUGE = 10**12
"""Python refuses to print numbers with thousands of digits, and nobody reads them."""

LETTERS_PER_EDIT = 4
"""A word is near another if it takes at most one edit for each four letters, or one at all."""

SHORTEST_PART = 3
"""Minimum length of a part of a word that suggests the whole."""


def how_to_report(issues: str = ISSUES) -> str:
    """Say where a bug is reported, and what a report needs."""
    if not issues:
        return "to report a bug: CONTRIBUTING.md says where, and what a report needs"
    return f"to report a bug: {issues} (CONTRIBUTING.md says what a report needs)"


def shortened(sentence: str) -> str:
    """Shorten a message that quotes more than anybody wants to read."""
    if len(sentence) <= LONGEST_SENTENCE:
        return sentence
    return f"{sentence[:LONGEST_SENTENCE]}…"


def echo(text: str) -> str:
    """Quote user input safely: on one line, shortened, with control characters escaped."""
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")


def counted(count: int, noun: str) -> str:
    """Format a count and its noun: `1 lease`, `2 leases`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def described(value: object) -> str:
    """Describe a JSON value in a few words, whatever its size and depth."""
    if isinstance(value, dict):
        return "an object" if value else "{}"
    if isinstance(value, list):
        return "a list" if value else "[]"
    if isinstance(value, int) and abs(value) >= HUGE:
        return "a huge number"
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        value = f"{value[:LONGEST_SHOWN]}…"
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that takes the fewest edits, if they are few for its length; else one
    that `word` abbreviates. Case and leading hyphens are ignored.

    None where there is neither. An edit is one of `misspelled`.
    """
    word = word[:LONGEST_SHOWN].lower().lstrip("-")
    spelled = {each.lower().lstrip("-"): each for each in known}
    edits = {each: _edits(word, each) for each in spelled if _are_about_as_long(word, each)}
    near = min(edits, key=lambda each: edits[each], default="")
    if near and edits[near] <= _most_edits(near):
        return spelled[near]
    if len(word) < SHORTEST_PART:
        return None
    longer = sorted((each for each in spelled if _abbreviates(word, each)), key=_place_of(word))
    return spelled[longer[0]] if longer else None


def _place_of(word: str) -> Callable[[str], int]:
    return lambda other: other.find(word)


def _most_edits(word: str) -> int:
    return max(len(word) // LETTERS_PER_EDIT, 1 if len(word) >= SHORTEST_PART else 0)


def _are_about_as_long(word: str, other: str) -> bool:
    return abs(len(word) - len(other)) <= _most_edits(other)


def _abbreviates(word: str, other: str) -> bool:
    parts = other.replace("_", "-").replace(".", "-").split("-")
    return any(part.startswith(word) for part in parts) or (
        word in other and 2 * len(word) >= len(other)
    )


def _edits(word: str, other: str) -> int:
    """Count the edits between two words (optimal string alignment distance)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, a in enumerate(word, start=1):
        this = [row]
        for column, b in enumerate(other, start=1):
            fewest = min(last[column] + 1, this[-1] + 1, last[column - 1] + (a != b))
            if row > 1 < column and (a, b) == (other[column - 2], word[row - 2]):
                fewest = min(fewest, before[column - 2] + 1)
            this.append(fewest)
        before, last = last, this
    return last[-1]


def guess(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word, else list them all; to follow a semicolon."""
    words = list(known)
    near = nearest(word, words)
    return f"did you mean {near!r}?" if near is not None else f"expected one of: {', '.join(words)}"


def misspelled(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is one edit away from this one, or None.

    An edit adds, drops or replaces one character, or swaps two neighbours. Numbered names are not
    misspellings of each other: `worker2` of `worker` or `worker1`, `team-b` of `team-a`.
    """
    names = list(known)
    if any(_are_numbered(word, each) for each in names):
        return None
    return next((each for each in names if _is_misspelling(word, each)), None)


def _is_misspelling(word: str, other: str) -> bool:
    if max(len(word), len(other)) < SHORTEST_PART or abs(len(word) - len(other)) > 1:
        return False  # a name of one or two letters is one edit away from half the alphabet
    return _are_one_edit_apart(word, other)


def _are_numbered(word: str, other: str) -> bool:
    if word.rstrip(_DIGITS) == other.rstrip(_DIGITS):
        return True
    parts, others = word.split("-"), other.split("-")
    if len(parts) != len(others) or len(parts) < 2:
        return False
    return all(a == b or len(a) == len(b) == 1 for a, b in zip(parts, others, strict=True))


def _are_one_edit_apart(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    pairs = enumerate(zip(shorter, longer, strict=False))
    start = next((at for at, (a, b) in pairs if a != b), None)
    if start is None:
        return len(shorter) != len(longer)
    if len(shorter) != len(longer):
        return shorter[start:] == longer[start + 1 :]
    swapped = shorter[start : start + 2] == longer[start : start + 2][::-1]
    rest = start + 2 if swapped else start + 1
    return shorter[rest:] == longer[rest:]


_DIGITS = "0123456789"
