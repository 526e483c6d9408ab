"""Settings as people write them: any JSON, laid out in any way, with comments and odd commas."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

EVENTS = ("SessionStart", "PreToolUse", "PostToolUse", "Stop")

WORDS = st.text(alphabet='abcA é"\\/\n\t{}[],:#*', max_size=8)

SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | WORDS

VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)

HOOKS = st.fixed_dictionaries(
    {"type": st.just("command"), "command": WORDS}, optional={"timeout": st.integers(1, 60)}
)

GROUPS = st.fixed_dictionaries(
    {"hooks": st.lists(HOOKS, max_size=2)}, optional={"matcher": st.just("Edit")}
)

EVENT_LISTS = st.dictionaries(st.sampled_from(EVENTS), st.lists(GROUPS, max_size=2), max_size=4)


@st.composite
def settings(draw: st.DrawFn) -> dict[str, Any]:
    """What a settings file may mean; the key `hooks` may be anywhere in it, or nowhere."""
    data = draw(st.dictionaries(WORDS.filter(lambda word: word != "hooks"), VALUES, max_size=4))
    pairs = list(data.items())
    if draw(st.booleans()):
        pairs.insert(draw(st.integers(0, len(pairs))), ("hooks", draw(EVENT_LISTS)))
    return dict(pairs)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A settings file, as an editor, a person or another tool may have left it."""
    indent = draw(st.sampled_from([None, "", " ", "  ", "    ", "\t"]))
    tight = draw(st.booleans())
    separators = (",", ":") if tight else (", ", ": ") if indent is None else (",", ": ")
    ascii_only = draw(st.booleans())
    text = json.dumps(
        draw(settings()), indent=indent, separators=separators, ensure_ascii=ascii_only
    )
    if draw(st.booleans()):
        text = _scribbled(draw, text)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    before = draw(st.sampled_from(["", "\ufeff", "\n", "  ", "// mine\n"]))
    return before + text + draw(st.sampled_from(["", "\n", "\n\n", " ", "\n// end"]))


def _scribbled(draw: st.DrawFn, text: str) -> str:
    """Write comments, blanks and commas between the tokens of a document."""
    places = _between_tokens(text)
    for at in sorted(draw(st.lists(st.sampled_from(places), max_size=4)), reverse=True):
        trivia = draw(st.sampled_from([" ", "\n", "\n\n  ", " // a, [b]\n", "/* {c} */", "\t"]))
        closes = text[at : at + 1] in ("}", "]") and text[:at].rstrip()[-1:] not in ("{", "[", ",")
        comma = "," if closes and draw(st.booleans()) and _is_value_end(text, at) else ""
        text = text[:at] + comma + trivia + text[at:]
    return text


def _is_value_end(text: str, at: int) -> bool:
    return text[:at].rstrip()[-1:] not in ("/", ":") and "//" not in text[:at].split("\n")[-1]


def _between_tokens(text: str) -> list[int]:
    """Find where white space may stand: behind punctuation that is in no string."""
    places, in_string, at = [], False, 0
    while at < len(text):
        if in_string and text[at] == "\\":
            at += 1
        elif in_string:
            in_string = text[at] != '"'
        elif text[at] == '"':
            in_string = True
        elif text[at] in "{}[],:":
            places += [at, at + 1] if at else [at + 1]
        at += 1
    return places
