"""Hold native/ to its plan: how big a room and a file may be, who includes whom, what the seam is.

The sources are read as text; only the seam itself, which is what two builds define, is compiled.
"""

from __future__ import annotations

import graphlib
import re
import subprocess
from collections import defaultdict
from pathlib import Path

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
    "darwin": {"guest", "preload", "darwin"},
    "hook": {"guest", "hook"},
}
"""The rooms that a room knows: the guest knows none of those who run it. The host for macOS has its
own of what is Linux's in the guest, and shares a few files of the preload library's."""

GUEST_LAYERS = ("kernel", "", "project", "daemon", "state", "calls")
"""From the bottom up; "" is guest/ itself, with the image and the seam."""

INCLUDE = re.compile(r'^#include "([^"]+)"$', re.MULTILINE)

FILES = sorted(path for end in ("*.c", "*.h") for path in HERE.rglob(end))


def shown(path: Path) -> str:
    """The name of a file as a failure lists it, and how an include spells it."""
    return str(path.relative_to(HERE))


def includes_of(path: Path) -> list[str]:
    """What a file includes of ours."""
    return INCLUDE.findall(path.read_text(encoding="utf-8"))


def node_of(name: str) -> str:
    """What a file counts as among the sub-rooms: its folder, or itself where it lies in none."""
    parts = name.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else name.rpartition(".")[0]


def entries_of(folder: Path) -> set[str]:
    """What a person sees in a folder: a source and its header are one thing."""
    entries = {path.stem if path.is_file() else path.name for path in folder.iterdir()}
    return entries - {"__pycache__"}


def test_a_room_is_seen_at_a_glance() -> None:
    sizes = {
        shown(each): len(entries_of(each)) for each in {path.parent for path in FILES} | {HERE}
    }
    assert {name: size for name, size in sizes.items() if size > MOST_ENTRIES} == {}


def test_a_file_is_long_enough_to_be_one() -> None:
    sizes = {
        shown(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in FILES
        if path.suffix == ".c"
    }
    assert {name for name, size in sizes.items() if size < SHORTEST_FILE} == SHORT_FILES.keys()


def test_an_include_names_a_file_from_the_top() -> None:
    names = {(shown(path), name) for path in FILES for name in includes_of(path)}
    assert {each for each in names if not HERE.joinpath(each[1]).is_file()} == set()


def test_an_include_reaches_into_no_room_but_those_below() -> None:
    rooms = {(shown(path), name.partition("/")[0]) for path in FILES for name in includes_of(path)}
    assert {
        each for each in rooms if each[1] not in MAY_INCLUDE[each[0].partition("/")[0]]
    } == set()


def test_a_file_includes_its_own_header_first_and_the_others_in_order() -> None:
    unordered = set()
    for path in FILES:
        names = includes_of(path)
        own = shown(path.with_suffix(".h"))
        rest = names[1:] if path.suffix == ".c" and names[:1] == [own] else names
        if own in rest or rest != sorted(set(rest)):
            unordered.add(shown(path))
    assert unordered == set()


def layer_of(name: str) -> int:
    """How far up in the guest a file is."""
    parts = name.split("/")[1:]
    return GUEST_LAYERS.index(parts[0] if len(parts) > 1 else "")


def test_the_guest_includes_downwards() -> None:
    upwards = {
        (shown(path), name)
        for path in FILES
        if HERE / "guest" in path.parents
        for name in includes_of(path)
        if layer_of(name) > layer_of(shown(path))
    }
    assert upwards == set()


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
    subprocess.run(["cc", *COMPILE_FLAGS, "-O0", "-c", *files], cwd=folder, check=True, timeout=120)
    shown = subprocess.run(["nm", "-g", "--defined-only", *folder.glob("*.o")], check=True,
                           capture_output=True, text=True).stdout  # fmt: skip
    return {words[2] for line in shown.splitlines() if len(words := line.split()) == 3}
