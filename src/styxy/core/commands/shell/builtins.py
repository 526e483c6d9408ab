"""Builtins that change a shell's state: directory, variables, exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.commands.shell.fields import NOTHING_KNOWN, Field, field_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from styxy.core.commands.shell.fields import Invocation
    from styxy.core.commands.shell.scope import Scope

READ_VALUES = ("-d", "-i", "-n", "-N", "-p", "-t", "-u")
MAPFILE_VALUES = ("-d", "-n", "-O", "-s", "-u", "-C", "-c")


def _cd(invocation: Invocation, scope: Scope) -> None:
    words = [each for each in invocation.texts[1:] if not each.startswith("-") or each == "-"]
    scope.go(words[0] if words and words[0] != "-" else None)


def _popd(_invocation: Invocation, scope: Scope) -> None:
    scope.go(None)


def _declare(invocation: Invocation, scope: Scope) -> None:
    """Set variables, and export them by `export` and `declare -x`."""
    name, *rest = invocation.words
    flags = [each.text for each in rest if each.text.startswith("-")]
    is_exported = name.text == "export" or any("x" in flag for flag in flags)
    for word in rest:
        variable, equals, value = word.text.partition("=")
        if not variable.isidentifier():
            continue
        if equals:
            scope.set(variable, (Field(value, word.outputs),))
        if is_exported:
            scope.exported.add(variable)


def _unset(invocation: Invocation, scope: Scope) -> None:
    for name in invocation.texts[1:]:
        scope.values.pop(name, None)
        scope.functions.pop(name, None)


def _set(invocation: Invocation, scope: Scope) -> None:
    words = list(invocation.words[1:])
    flags = [each.text for each in words if each.text.startswith("-")]
    if "allexport" in invocation.texts or any(
        flag[1:].isalpha() and "a" in flag for flag in flags if not flag.startswith("--")
    ):
        scope.allexport = True
    if "--" in flags:
        scope.positional = tuple(words[invocation.texts[1:].index("--") + 1 :])


def _read(invocation: Invocation, scope: Scope) -> None:
    """Set variables from standard input: known text is split, anything else goes to each."""
    names = _names(invocation.texts[1:], READ_VALUES)
    typed = invocation.typed
    line = (typed.text or "").partition("\n")[0].split()
    for place, name in enumerate(names):
        if typed.text is None:
            value = field_of(typed)
        else:
            is_last = place == len(names) - 1
            value = Field(" ".join(line[place:]) if is_last else "".join(line[place : place + 1]))
        scope.set(name, (value,))


def _mapfile(invocation: Invocation, scope: Scope) -> None:
    typed = invocation.typed
    lines = (typed.text or "").split("\n")
    values = (
        [Field(line) for line in lines if line] if typed.text is not None else [field_of(typed)]
    )
    for name in _names(invocation.texts[1:], MAPFILE_VALUES)[-1:]:
        scope.set(name, values)


def _names(words: Sequence[str], with_value: Sequence[str]) -> list[str]:
    names: list[str] = []
    takes_value = False
    for word in words:
        if not takes_value and word.isidentifier():
            names.append(word)
        takes_value = word in with_value
    return names


def _shift(_invocation: Invocation, scope: Scope) -> None:
    scope.positional = scope.positional[1:]


def _getopts(invocation: Invocation, scope: Scope) -> None:
    for name in invocation.texts[2:3]:
        scope.set(name, (NOTHING_KNOWN,))


BUILTINS: Mapping[str, Callable[[Invocation, Scope], None]] = {
    "cd": _cd,
    "pushd": _cd,
    "popd": _popd,
    "export": _declare,
    "declare": _declare,
    "typeset": _declare,
    "local": _declare,
    "readonly": _declare,
    "unset": _unset,
    "set": _set,
    "shift": _shift,
    "read": _read,
    "mapfile": _mapfile,
    "readarray": _mapfile,
    "getopts": _getopts,
}
"""The builtins and their effects."""
