"""Hold native/ to its plan: how big a room and a file may be, who includes whom, what the seam is.

The sources are read as text; only the seam itself, which is what two builds define, is compiled.
"""

from __future__ import annotations

import graphlib
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from native.build import BOTH, COMPILE_FLAGS, HERE, HOOK_SOURCES, SOURCES, SUPERVISOR_SOURCES
from tests.scratch import scratch

MOST_ENTRIES = 14
SHORTEST_FILE = 40

SHORT_FILES = {
    "preload/other_libraries.c": "what it exports has nothing to do with any intercepted call",
}
"""Files that are shorter, and why none of their neighbours takes them in."""

MAY_INCLUDE = {
    "guest": {"guest"},
    "preload": {"guest", "preload"},
    "supervisor": {"guest", "supervisor"},
    "hook": {"guest", "hook"},
}
"""The rooms that a room knows: the guest knows neither of those who run it."""

GUEST_LAYERS = ("kernel", "", "project", "daemon", "state", "calls")
"""From the bottom up; "" is guest/ itself, with the image and the seam."""

INCLUDE = re.compile(r'^#include "([^"]+)"$', re.MULTILINE)

FILES = sorted(path for end in ("*.c", "*.h") for path in HERE.rglob(end))


def shown(path: Path) -> str:
    """The name of a test case, and how an include spells a file."""
    return str(path.relative_to(HERE))


def includes_of(path: Path) -> list[str]:
    """What a file includes of ours."""
    return INCLUDE.findall(path.read_text(encoding="utf-8"))


def node_of(name: str) -> str:
    """What a file counts as among the sub-rooms: its folder, or itself where it lies in none."""
    parts = name.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else name.rpartition(".")[0]


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES} | {HERE}), ids=shown)
def test_a_room_is_seen_at_a_glance(folder: Path) -> None:
    entries = {path.stem if path.is_file() else path.name for path in folder.iterdir()}
    assert len(entries - {"__pycache__"}) <= MOST_ENTRIES


@pytest.mark.parametrize("path", [each for each in FILES if each.suffix == ".c"], ids=shown)
def test_a_file_is_long_enough_to_be_one(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert (lines < SHORTEST_FILE) == (shown(path) in SHORT_FILES)


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_an_include_says_which_room_it_reaches_into(path: Path) -> None:
    names = includes_of(path)
    room = shown(path).partition("/")[0]
    assert [name for name in names if not HERE.joinpath(name).is_file()] == []
    assert {name.partition("/")[0] for name in names} <= MAY_INCLUDE[room]


@pytest.mark.parametrize("path", [each for each in FILES if each.suffix == ".c"], ids=shown)
def test_a_file_includes_its_own_header_first_and_the_others_in_order(path: Path) -> None:
    names = includes_of(path)
    own = shown(path.with_suffix(".h"))
    rest = names[1:] if names[:1] == [own] else names
    assert own not in rest
    assert rest == sorted(set(rest))


@pytest.mark.parametrize("path", [each for each in FILES if HERE / "guest" in each.parents],
                         ids=shown)  # fmt: skip
def test_the_guest_includes_downwards(path: Path) -> None:
    def layer(name: str) -> int:
        parts = name.split("/")[1:]
        return GUEST_LAYERS.index(parts[0] if len(parts) > 1 else "")

    above = [name for name in includes_of(path) if layer(name) > layer(shown(path))]
    assert above == []


def test_sub_rooms_form_no_circle() -> None:
    below: dict[str, set[str]] = defaultdict(set)
    for path in FILES:
        here = node_of(shown(path))
        below[here] |= {node_of(name) for name in includes_of(path)} - {here}
    assert list(graphlib.TopologicalSorter(below).static_order())


def test_both_hosts_define_the_seam_and_nothing_else_twice() -> None:
    header = HERE.joinpath("guest", "host.h").read_text(encoding="utf-8")
    seam = set(re.findall(r"^\w[^#(]*?(host_\w+)\(", header, re.MULTILINE))
    seam |= {f"real_{name}" for name in BOTH}
    guest = {*SOURCES} & {*SUPERVISOR_SOURCES}
    preload = defined_by("preload", {*SOURCES} - guest)
    supervisor = defined_by("supervisor", {*SUPERVISOR_SOURCES} - guest)
    assert preload & supervisor == seam
    assert len(seam) >= 14


def test_the_hook_borrows_only_what_asks_nothing_of_a_host() -> None:
    borrowed = [name for name in HOOK_SOURCES if not name.startswith("hook/")]
    assert {name for name in borrowed if "guest/host.h" in includes_of(HERE / name)} == set()
    assert set(borrowed) < set(SOURCES)


def defined_by(host: str, sources: set[str]) -> set[str]:
    """The global symbols that some sources define."""
    folder = scratch() / f"seam-{host}"
    folder.mkdir()
    files = [str(HERE / name) for name in sources]
    subprocess.run(["cc", *COMPILE_FLAGS, "-c", *files], cwd=folder, check=True, timeout=120)
    shown = subprocess.run(["nm", "-g", "--defined-only", *folder.glob("*.o")], check=True,
                           capture_output=True, text=True).stdout  # fmt: skip
    return {words[2] for line in shown.splitlines() if len(words := line.split()) == 3}
