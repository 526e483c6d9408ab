"""Identify the program of a command: look through paths, versions and interpreters.

`node_modules/.bin/vite`, `vite@5`, `python3.11 -m http.server` and `java -jar wiremock-2.35.jar`
all name a program of the table; any other script falls under its interpreter's row, `<node>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Candidate = tuple[str, tuple[str, ...]]
"""A name that may be in the table, and the arguments that remain."""

ENDINGS = (".exe", ".cmd", ".bat", ".sh", ".phar", ".bin")
SCRIPT_ENDINGS = {
    ".js": "<node>", ".cjs": "<node>", ".mjs": "<node>", ".jsx": "<node>",
    ".ts": "<node>", ".cts": "<node>", ".mts": "<node>", ".tsx": "<node>",
    ".py": "<python>", ".rb": "<ruby>", ".ru": "<ruby>", ".pl": "<perl>", ".php": "<php>",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A program that runs a script: its flags with a value, and those that run no script."""

    row: str
    value_flags: tuple[str, ...] = ()
    idle_flags: tuple[str, ...] = ()
    module_flag: str = ""
    subcommands: tuple[str, ...] = ()


_NODE = Interpreter(
    row="<node>",
    value_flags=(
        "-r", "--require", "--import", "--loader", "--experimental-loader", "--env-file", "--title",
        "-C", "--conditions", "--input-type", "--watch-path", "-P", "--project", "--tsconfig",
        "-w", "-e", "--ext", "-i", "--ignore", "--max-old-space-size", "--inspect-port", "-O",
        "--env-file-if-exists", "-x", "--exec", "-d", "--delay", "--signal",
    ),
    idle_flags=("--eval", "-p", "--print", "-c", "--check", "--test", "-v", "--version", "--run"),
    subcommands=("watch", "run"),
)  # fmt: skip

_NODE_RUNNERS = """
node nodejs tsx ts-node ts-node-dev ts-node-esm tsnd node-dev babel-node babel-watch node-supervisor
swc-node esno esrun jiti nodemon supervisor vite-node electron iojs sucrase-node
"""

INTERPRETERS = {
    **dict.fromkeys(_NODE_RUNNERS.split(), _NODE),
    "bun": Interpreter(
        row="<node>",
        value_flags=("-r", "--preload", "--cwd", "--config", "--env-file", "-d", "--define"),
        idle_flags=("-e", "--eval", "-p", "--print"),
        subcommands=("run",),
    ),
    **dict.fromkeys(
        ("python", "pypy", "ipython", "python2", "python3"),
        Interpreter(
            row="<python>", value_flags=("-W", "-X"), idle_flags=("-c", "-V"), module_flag="-m"
        ),
    ),
    "ruby": Interpreter(
        row="<ruby>", value_flags=("-I", "-r", "-C", "-E"), idle_flags=("-e", "-c")
    ),
    "perl": Interpreter(row="<perl>", value_flags=("-I",), idle_flags=("-e", "-E", "-c")),
    "php": Interpreter(
        row="<php>", value_flags=("-c", "-d", "-t"), idle_flags=("-r", "-l", "-i", "-m", "-S")
    ),
    "java": Interpreter(
        row="<java>", value_flags=("-cp", "-classpath", "--class-path", "-p", "--module-path",
                                   "--add-opens", "--add-modules", "--add-exports", "-javaagent")
    ),
}  # fmt: skip
"""Programs that are identified by the script that they run."""

_STRONG_NAMES = (
    "server serve api www backend gateway devserver webserver wsgi asgi httpd service bff"
)
STRONG_NAMES = frozenset(_STRONG_NAMES.split())
"""Last words in the name of a script that serves, whatever its arguments."""

_WEAK_NAMES = "app index main start run dev web application boot bootstrap bundle ."
WEAK_NAMES = frozenset(_WEAK_NAMES.split())
"""Names of scripts that usually serve if no operand follows."""


def candidates(words: Sequence[str]) -> Iterator[Candidate]:
    """Iterate over the names that a command may have in the table, the most specific first."""
    if not words or not words[0]:
        return
    path, rest = words[0], tuple(words[1:])
    name = program_name(path)
    yield from _interpreted(name, rest)
    folder, _, base = path.replace("\\", "/").rpartition("/")
    parent = folder.rpartition("/")[2]
    if parent in ("bin", "script"):
        yield f"{parent}/{base}", rest
    if base != name:
        yield base, rest
    yield name, rest
    row = script_row(path)
    if row or folder:
        yield row or "<program>", (path, *rest)


def program_name(path: str) -> str:
    """Return a program's name in the table: without path, version, or file name extension."""
    if path.startswith("@"):  # a scoped package: @angular/cli@17
        return path[:1] + path[1:].partition("@")[0]
    base = path.replace("\\", "/").rpartition("/")[2].removeprefix("npm:")
    base = base.partition("@")[0] or base
    for ending in ENDINGS:
        base = base.removesuffix(ending)
    bare = base.rstrip("0123456789.")
    return bare if bare in INTERPRETERS else base


def script_row(path: str) -> str:
    """Return the row of the table for a script, `<node>`, or an empty string."""
    _, dot, ending = path.rpartition("/")[2].rpartition(".")
    return SCRIPT_ENDINGS.get(dot + ending, "") if dot else ""


def is_named_like_a_server(words: Sequence[str]) -> bool:
    """Return whether a script has a server's name; the arguments after it count, too."""
    if not words:
        return False
    stem = _stem(words[0])
    pieces = stem.replace("_", "-").replace(".", "-").lower().split("-")
    if pieces[0] in ("test", "build", "generate", "create") or not pieces[-1]:
        return stem == "."
    if pieces[-1] in STRONG_NAMES or (pieces[0] == "server" and len(pieces) < 3):
        return True
    if words[0].endswith((".jar", ".war")):
        return bool({*STRONG_NAMES, *WEAK_NAMES, "snapshot"} & set(pieces))
    has_operand = any(not word.startswith("-") and "=" not in word for word in words[1:2])
    return stem.lower() in WEAK_NAMES and not has_operand


def _stem(path: str) -> str:
    base = path.rstrip("/").rpartition("/")[2]
    if base == ".":
        return base
    stem, dot, ending = base.rpartition(".")
    known = dot and (dot + ending in SCRIPT_ENDINGS or ending in ("jar", "war"))
    return stem if known and stem else base


def _interpreted(name: str, rest: tuple[str, ...]) -> Iterator[Candidate]:
    interpreter = INTERPRETERS.get(name)
    if interpreter is None:
        return
    place = 0
    while place < len(rest):
        word = rest[place]
        if interpreter.module_flag and word.startswith(interpreter.module_flag):
            yield from _module(word.removeprefix(interpreter.module_flag), rest[place + 1 :])
            return
        if word in interpreter.idle_flags:
            return
        if word in ("-jar", "-run") and name in ("java", "ruby"):
            flags = tuple(each for each in rest[:place] if each.startswith("-D"))
            yield from _special(name, rest[place + 1 :] + flags)
            return
        if word in interpreter.value_flags:
            place += 1
        elif not word.startswith("-") and word not in interpreter.subcommands:
            yield from _script(interpreter.row, rest[place:])
            return
        place += 1


def _module(module: str, rest: tuple[str, ...]) -> Iterator[Candidate]:
    if not module and rest:
        module, *more = rest
        rest = tuple(more)
    if module:
        yield module, rest
        yield "<python>", (module.replace(".", "/"), *rest)


def _special(name: str, rest: tuple[str, ...]) -> Iterator[Candidate]:
    """Read `java -jar FILE` and `ruby -run -e httpd`."""
    if name == "ruby":
        yield "un", rest
        return
    if not rest:
        return
    pieces = _stem(rest[0]).split("-")
    while pieces:
        yield "-".join(pieces), rest[1:]
        pieces.pop()
    yield "<java>", rest


def _script(row: str, words: tuple[str, ...]) -> Iterator[Candidate]:
    path, rest = words[0], words[1:]
    base = path.rpartition("/")[2]
    if package := _package_of(path):
        yield package, rest
    if not script_row(path) or base in ("manage.py",):
        yield program_name(path), rest
    elif base.endswith(".py"):
        yield base, rest  # web2py.py, dev_appserver.py
    yield row, words


def _package_of(path: str) -> str:
    """Return the npm package of a file: `vite` for `node_modules/vite/bin/vite.js`."""
    _, found, inside = path.rpartition("node_modules/")
    if not found:
        return ""
    pieces = inside.split("/")
    if pieces[0] == ".bin":
        return pieces[1] if len(pieces) > 1 else ""
    return "/".join(pieces[:2]) if pieces[0].startswith("@") else pieces[0]
