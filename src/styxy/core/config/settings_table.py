"""Every setting as a row: what a key of `config.json` is called, what it may hold, what it is for.

The rows are read from the fields of `Configuration`, which say all of it; whatever knows a setting
walks this table. `*` in a path stands for a name that the user chooses. Every key may also be
spelled in camelCase; `others` are further spellings.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

from msgspec import Meta

from styxy.core.config.configuration import AllocationRule, Configuration, ProgramRule, key
from styxy.core.json_data import expected, fits
from styxy.core.model.service_types import Behavior

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ANY_NAME = "*"

COMMENT = "//"
"""A key that begins so is a comment, since JSON has none."""

LONGEST_TEXT = 500
MOST_ITEMS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTypeEntry:
    """Name what an entry of `service_types` may hold; `ServiceType` is what it comes to."""

    range: tuple[int, int] | None = key(
        None,
        "first and last port, both included; a new type needs one",
        "a range [first port, last port]",
        others=("port_range",),
    )
    additional_ranges: list[tuple[int, int]] = key(
        (),
        "further ranges, for a type that grew with no room beside its range",
        "a list of ranges [[first port, last port], ...]",
        max_length=MOST_ITEMS,
    )
    preferred_ports: list[int] = key(
        (),
        "ports of the range that are given out first",
        "a list of ports",
        max_length=MOST_ITEMS,
    )
    description: str = key(
        "",
        "what the type is for",
        f"one line of at most {LONGEST_TEXT} characters",
        max_length=LONGEST_TEXT,
    )
    instance_behavior: Behavior = key(
        "multi", "single makes the type a singleton: one lease serves everybody"
    )
    auto_allocated: str | None = key(
        None,
        "when Styxy created the type for a request; written by Styxy",
        "a date like 2026-01-31",
        pattern=r"^\d{4}-\d{2}-\d{2}([T ][0-9:.]{5,15}(Z|[+-]\d{2}:\d{2})?)?\Z",
        may_be_null=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Describe one key. `type` is what msgspec holds a value to; `default` is plain data.

    `needs_restart`: a running daemon keeps the old value. `variable` overrides the file.
    """

    path: str
    type: Any
    meaning: str
    default: object = None
    others: tuple[str, ...] = ()
    variable: str | None = None
    may_be_null: bool = False
    needs_restart: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def parent(self) -> str:
        """The path of the object that holds the key; empty for the whole file."""
        return self.path.rpartition(".")[0]

    @property
    def is_object(self) -> bool:
        """Tell whether the key holds further settings, and no value of its own."""
        return self.type is _OBJECT

    @property
    def shown(self) -> str:
        """The path for people: NAME for a service type, PATTERN for a rule."""
        chosen = "PATTERN" if self.path.startswith("auto_allocation_rules") else "NAME"
        return self.path.replace(ANY_NAME, chosen)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every accepted spelling of the name, the proper one first."""
        plain = (self.name, *self.others)
        return tuple(dict.fromkeys((*plain, *(camel_case(each) for each in plain))))

    @property
    def expected(self) -> str:
        """What a value must be, to follow "must be"."""
        return expected(self.type) + ", or null" * self.may_be_null

    def takes(self, value: object) -> bool:
        """Tell whether the key may hold a value, as far as its type says."""
        return (value is None and self.may_be_null) or fits(value, self.type)


def camel_case(name: str) -> str:
    """Spell a snake_case name in camelCase."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_OBJECT = dict[str, Any]

_ENTRIES: dict[str, tuple[type, str]] = {
    "service_types": (ServiceTypeEntry, "one service type"),
    "programs": (ProgramRule, "one program"),
    "auto_allocation_rules": (AllocationRule, "one exception; * is any text"),
}
"""The keys whose names the user chooses, with the shape of each value."""

_BOUNDS = ("ge", "le", "max_length", "pattern")
_ABOUT = ("meaning", "others", "variable", "may_be_null", "needs_restart")


def _rows(shape: type, path: str) -> Iterator[Setting]:
    hints = get_type_hints(shape, include_extras=True)
    for each in fields(shape):
        said = each.metadata
        if not said:
            continue  # the pattern of a rule: its key, and no setting
        here = f"{path}.{each.name}" if path else each.name
        about = {name: said[name] for name in _ABOUT if name in said}
        if here in _ENTRIES:
            entry, meaning = _ENTRIES[here]
            default = {rule.pattern: rule.entry() for rule in getattr(Configuration(), here)}
            yield Setting(path=here, type=_OBJECT, default=default, **about)
            yield Setting(path=f"{here}.{ANY_NAME}", type=_OBJECT, meaning=meaning)
            yield from _rows(entry, f"{here}.{ANY_NAME}")
        elif is_dataclass(hints[each.name]):
            yield Setting(path=here, type=_OBJECT, **about)
            yield from _rows(hints[each.name], here)
        else:
            yield Setting(
                path=here, type=_type(hints[each.name], said), default=each.default, **about
            )


def _type(hint: Any, said: Mapping[str, Any]) -> Any:
    """Put the bounds of a field on its type; None stands for a key that is not there."""
    inner = [each for each in get_args(hint) if each is not type(None)]
    bare = inner[0] if len(inner) < len(get_args(hint)) else hint
    bounds = {name: said[name] for name in _BOUNDS if name in said}
    return Annotated[bare, Meta(description=said["expected"], **bounds)]


SETTINGS: tuple[Setting, ...] = tuple(_rows(Configuration, ""))

BY_PATH: dict[str, Setting] = {each.path: each for each in SETTINGS}

ROOT = Setting(path="", type=_OBJECT, meaning="the whole file")

_CHILDREN: dict[str, tuple[Setting, ...]] = {
    parent: tuple(each for each in SETTINGS if each.parent == parent)
    for parent in dict.fromkeys(each.parent for each in SETTINGS)
}
_SPELLED = {
    (each.parent, spelling): each
    for each in SETTINGS
    if each.name != ANY_NAME
    for spelling in each.spellings
}


def children(path: str) -> tuple[Setting, ...]:
    """List what an object may hold, in the order of the table; `""` is the whole file."""
    return _CHILDREN.get(path, ())


def child(path: str, spelling: str) -> Setting | None:
    """Find what a key of an object means, in whatever accepted spelling."""
    return _SPELLED.get((path, spelling)) or BY_PATH.get(f"{path}.{ANY_NAME}")
