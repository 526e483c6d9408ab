"""Hold the house to its plan: who may import whom, how big a room may be, what each one says.

The sources are read with `ast` and never imported, so that a cycle or a missing library cannot hide
a broken rule. An import under TYPE_CHECKING or inside a function counts like any other: it is a
dependency of the design, whatever it costs at run time.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
SHORTEST_FILE = 40
MOST_ENTRIES = 14

SHORT = {
    "__init__.py": "has the version",
    "__main__.py": "is what `python -m styxy` runs",
    "adapters/portable/peers.py": "is lighter than its neighbours, for every start of a command",
    "core/commands/connect_first.py": "is one list, and lighter than the table of tools",
    "core/hashing.py": "is held against the hash of the native library",
    "core/model/instances.py": "is one value, beside the other values in files of their own",
    "server/reports/instruments.py": "with any of the reports that it bundles, these form a circle",
}
"""The files that are shorter than `SHORTEST_FILE`, and why none of them belongs to a neighbour."""

MAY_IMPORT = {
    "core": {"core"},
    "adapters": {"adapters", "core"},
    "server": {"server", "adapters", "core"},
    "client": {"client", "adapters", "core"},
    "__main__": {"client"},
    "__init__": set(),
}
"""The rooms of `styxy` that a room knows."""

LIBRARIES = {
    "core": {"msgspec"},
    "adapters": {"msgspec", "psutil"},
    "server": {"msgspec", "prometheus_client", "starlette", "uvicorn"},
    "client": {"mcp", "pydantic", "rich", "textual"},
    "__main__": set[str](),
    "__init__": set[str](),
}
"""What a room may use beside the standard library."""

PURE = {
    "__future__", "bisect", "collections", "dataclasses", "datetime", "functools",
    "itertools", "json", "posixpath", "re", "shlex", "string", "typing", "urllib.parse",
}  # fmt: skip
"""Modules of the standard library that touch no file, socket, clock, environment, log or thread."""

IMPURE_CALLS = {"open", "print", "input", "now", "utcnow", "today", "exec", "eval", "breakpoint"}
NO_NAME_FOR_A_ROOM = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def python_files(*folders: str) -> list[Path]:
    """Every Python file of ours below `folders`."""
    return sorted(path for name in folders for path in (ROOT / name).rglob("*.py"))


def c_files() -> list[Path]:
    """Every C file of ours, headers too."""
    rooms = (ROOT / "native", ROOT / "bench")
    return sorted(path for room in rooms for end in ("*.c", "*.h") for path in room.rglob(end))


def shown(path: Path) -> str:
    """The name of a file or folder, as a failure lists it."""
    return str(path.relative_to(ROOT))


def lines_of(path: Path) -> list[str]:
    """The lines of one file."""
    return path.read_text(encoding="utf-8").splitlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the tests ask of a Python file; its tree is not kept, for the trees of all are large.

    `from a import b` imports `a.b`, perhaps a module. `functions` are all that it defines, each
    with its number of lines; `body` is what a package's file does when it is entered.
    """

    docstring: str | None
    imports: frozenset[str]
    functions: dict[str, int]
    impurities: tuple[str, ...]
    body: tuple[ast.stmt, ...]


@functools.cache
def source_of(path: Path) -> Source:
    """Parse one file, once for all tests that look at it."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    nodes = list(ast.walk(tree))
    return Source(
        docstring=ast.get_docstring(tree),
        imports=frozenset(name for node in nodes for name in imported_in(node)),
        functions={
            f"{shown(path)}:{node.lineno}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
            for node in nodes
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        },
        impurities=tuple(
            f"{shown(path)}:{getattr(node, 'lineno', 0)}: {what}"
            for node in nodes
            for what in impurities_in(node)
        ),
        body=tuple(tree.body) if path.name == "__init__.py" else (),
    )


def imported_in(node: ast.AST) -> Iterator[str]:
    """Name every module that a node imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: a relative import"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def impurities_in(node: ast.AST) -> Iterator[str]:
    """Name what makes a node impure: it waits, keeps a global or calls the world."""
    if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global):
        yield type(node).__name__
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        name = called.id if isinstance(called, ast.Name) else called
        if name in IMPURE_CALLS:
            yield f"{name}()"


def room_of(path: Path) -> str:
    """The room that a file of the package is in."""
    parts = path.relative_to(SRC / "styxy").parts
    return parts[0] if len(parts) > 1 else path.stem


def broken_imports(room: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that `room` must not know."""
    return [name for name in names if not may_import(room, name)]


def may_import(room: str, name: str) -> bool:
    """Whether the plan lets `room` import `name`."""
    top, _, rest = name.partition(".")
    if top == "styxy":
        other = rest.partition(".")[0]
        return other in MAY_IMPORT[room] or other in ("__version__", "__file__")
    if top not in sys.stdlib_module_names:
        return top in LIBRARIES[room]
    return room != "core" or top in PURE or name.rpartition(".")[0] in PURE


def test_the_plan_knows_each_room() -> None:
    assert {room_of(path) for path in python_files("src")} == MAY_IMPORT.keys()


def test_a_room_imports_downwards_and_what_it_may() -> None:
    broken = {
        shown(path): broken_imports(room_of(path), source_of(path).imports)
        for path in python_files("src")
    }
    assert {name: names for name, names in broken.items() if names} == {}


@pytest.mark.parametrize(
    ("room", "name"),
    [
        ("core", "os.path"),
        ("core", "time.monotonic"),
        ("core", "urllib.request"),
        ("core", "styxy.adapters.paths"),
        ("core", "starlette.routing"),
        ("adapters", "styxy.server.service.service"),
        ("server", "styxy.client.daemon.connection"),
        ("client", "styxy.server"),
        ("client", "msgspec.json"),
        ("client", "starlette"),
    ],
)
def test_the_import_rule_sees_a_broken_import(room: str, name: str) -> None:
    assert not may_import(room, name)


def imported_by(room: str) -> set[str]:
    """Every name that the files of a room import."""
    files = (path for path in python_files("src") if room_of(path) == room)
    return {name for path in files for name in source_of(path).imports}


@pytest.mark.parametrize("room", LIBRARIES)
def test_a_room_is_allowed_no_library_that_it_does_not_use(room: str) -> None:
    used = {name.partition(".")[0] for name in imported_by(room)}
    assert used - sys.stdlib_module_names - {"styxy"} == LIBRARIES[room]


@pytest.mark.parametrize(
    ("room", "libraries"),
    [("client/agents/mcp", {"mcp", "pydantic"}), ("client/terminal", {"rich", "textual"})],
)
def test_only_one_room_uses_what_an_extra_brings(room: str, libraries: set[str]) -> None:
    users = {
        path.parent
        for path in python_files("src")
        if {name.partition(".")[0] for name in source_of(path).imports} & libraries
    }
    assert users == {SRC / "styxy" / room}


def test_the_core_is_allowed_no_module_that_it_does_not_use() -> None:
    used = imported_by("core")
    assert {
        name for name in PURE if not any(f"{each}.".startswith(f"{name}.") for each in used)
    } == set()


def module_of(path: Path) -> str:
    """The dotted name by which a file of the package is imported."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def folders_known() -> dict[str, set[str]]:
    """For each folder of the package below its root, the other folders whose modules it imports."""
    folder_of = {module_of(path): shown(path.parent) for path in python_files("src")}
    known: dict[str, set[str]] = {}
    for path in python_files("src"):
        if path.parent == SRC / "styxy":
            continue
        here = known.setdefault(shown(path.parent), set())
        for name in source_of(path).imports:
            folder = folder_of.get(name) or folder_of.get(name.rpartition(".")[0])
            here |= {folder} if folder else set()
    return {folder: others - {folder, shown(SRC / "styxy")} for folder, others in known.items()}


def circles(known: dict[str, set[str]]) -> set[str]:
    """Those folders that import each other, or that lie on the way between such: what is left
    after every folder is taken away that imports none of the rest, or that none of the rest
    imports."""
    left = dict(known)
    while True:
        imported = {other for others in left.values() for other in others}
        inside = {folder for folder in left if left[folder] & left.keys() and folder in imported}
        if len(inside) == len(left):
            return inside
        left = {folder: left[folder] & inside for folder in inside}


def test_rooms_form_no_circle() -> None:
    assert circles(folders_known()) == set()


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == {"b", "c"}


def entries_of(folder: Path) -> set[Path]:
    """The modules of a folder, and the folders in it that have some."""
    modules = {path for path in folder.glob("*.py") if path.stem != "__init__"}
    return modules | {path.parent for path in folder.glob("*/*.py")}


def test_a_folder_has_no_more_entries_than_a_person_surveys() -> None:
    folders = {path.parent for path in python_files("src/styxy")}
    sizes = {shown(folder): len(entries_of(folder)) for folder in folders}
    assert {name: size for name, size in sizes.items() if size > MOST_ENTRIES} == {}


def test_a_short_file_has_a_reason_to_be_one() -> None:
    short = {
        str(path.relative_to(SRC / "styxy"))
        for path in python_files("src/styxy")
        if len(lines_of(path)) < SHORTEST_FILE
    }
    only_words = {
        str(path.relative_to(SRC / "styxy"))
        for path in python_files("src/styxy")
        if path.stem == "__init__" and len(source_of(path).body) == 1
    }
    assert short - only_words == SHORT.keys()


def test_the_core_is_pure() -> None:
    files = python_files("src/styxy/core")
    assert {each for path in files for each in source_of(path).impurities} == set()


def test_a_file_is_no_longer_than_a_person_reads() -> None:
    files = python_files("src", "tests", "bench", "scripts", "native") + c_files()
    sizes = {shown(path): len(lines_of(path)) for path in files}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE} == {}


def test_a_function_fits_a_screen() -> None:
    files = python_files("src", "bench", "scripts", "native")
    sizes = dict(each for path in files for each in source_of(path).functions.items())
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}


def c_functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """Where the functions of a C file start, each with its number of lines."""
    started = 0
    for number, line in enumerate(lines_of(path), start=1):
        if re.match(r"\S.*\)\s*\{$|\{$", line):
            started = number
        elif line.startswith("}") and started:
            yield f"{shown(path)}:{started}", number - started + 1
            started = 0


def test_a_c_function_fits_a_screen() -> None:
    sizes = dict(function for path in c_files() for function in c_functions_of(path))
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}


def test_a_module_says_what_lives_in_it() -> None:
    files = python_files("src", "tests", "bench", "scripts", "native")
    files.append(ROOT / "hatch_build.py")
    assert {shown(path) for path in files if not source_of(path).docstring} == set()


def test_a_c_file_says_what_lives_in_it() -> None:
    texts = {shown(path): path.read_text(encoding="utf-8").lstrip() for path in c_files()}
    assert {name for name, text in texts.items() if not text.startswith(("/*", "//"))} == set()


def test_a_module_is_named_after_what_it_is() -> None:
    assert {path.stem for path in python_files("src")} & NO_NAME_FOR_A_ROOM == set()


def costs_nothing(path: Path) -> bool:
    """Whether a package has only a docstring and, at the top, the version."""
    _docstring, *rest = source_of(path).body
    names = [target for node in rest if isinstance(node, ast.Assign) for target in node.targets]
    return len(names) == len(rest) and [ast.unparse(each) for each in names] in (
        [],
        ["__version__"],
    )


def test_a_package_costs_nothing_to_enter() -> None:
    packages = [path for path in python_files("src") if path.name == "__init__.py"]
    assert {shown(path) for path in packages if not costs_nothing(path)} == set()


def test_no_test_replaces_a_part_of_the_house() -> None:
    replacing = [
        path
        for path in python_files("tests")
        if any(name.startswith(("unittest.mock", "mock")) for name in source_of(path).imports)
    ]
    assert {shown(path) for path in replacing} == set()


@functools.cache
def named_in_tests_of(room: str) -> dict[str, set[str]]:
    """The tests of a room, by their files' names, each with the modules that it names.

    A test names a module by importing it or something of it, or in backticks in its docstring.
    """
    found = {}
    for path in (ROOT / "tests" / room).rglob("test_*.py"):
        source = source_of(path)
        parents = {name.rpartition(".")[0] for name in source.imports}
        said = set(re.findall(r"`(\w+)`", source.docstring or ""))
        found[str(path)] = {*source.imports, *parents, *said}
    return found


def is_tested(path: Path) -> bool:
    """Whether a test of its room has a module's name, or names it."""
    folder = path.parent.relative_to(SRC / "styxy")
    tests = named_in_tests_of(folder.parts[0] if folder.parts else "client")
    module = ".".join(path.relative_to(SRC).with_suffix("").parts)
    has_namesake = any(Path(name).name == f"test_{path.stem}.py" for name in tests)
    return has_namesake or any(names & {module, path.stem} for names in tests.values())


def test_a_module_has_a_test_of_its_name_or_is_named_in_one_of_its_room() -> None:
    modules = [path for path in python_files("src") if path.name != "__init__.py"]
    assert {shown(path) for path in modules if not is_tested(path)} == set()
