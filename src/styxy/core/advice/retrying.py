"""The command to run again after a conflict: the same line with one server on another port.

Ways are tried in turn, from the one that changes least: the port as the line has it, then a flag,
an argument or a variable of the tool, then `styxy run --`. Whether a way serves is not reasoned out
but read back: the new line must start the same servers, this one on the new port.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from styxy.core.advice.rewriting import inserted, is_editable, place_of_prefix
from styxy.core.commands.classify import classify, starts_of
from styxy.core.commands.tools.table import tools_by_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from styxy.core.commands.classify import Start
    from styxy.core.commands.project.files import Project
    from styxy.core.commands.tools.servers import Server

MOST_TRIES = 16
"""Lines that are classified for one answer; each takes about a millisecond."""

LOOPBACKS = ("localhost:", "127.0.0.1:", "[::1]:", "0.0.0.0:")
PORT_FLAGS = ("-p", "-P")
RUNNERS = ("deno", "swift", "crystal", "dart", "nx", "lein", "gulp", "grunt")
"""Tools of the table that hand a flag to a program of the project, which may not know it."""


def retry_command(
    line: str, server: Server, free_port: int, *, project: Project | None = None
) -> str | None:
    """Return a line with one of its servers on a free port, or None if there is no way to.

    `server` is one of those that `classify` returned for the line.
    """
    if not is_editable(line):
        return None
    start = next((each for each in starts_of(line, project=project) if each.server == server), None)
    if start is None:
        return None
    for way in islice(_ways(line, start, free_port), MOST_TRIES):
        if _starts_on(way, line, server, free_port, project):
            followed = _with_its_clients(way, server.port, free_port)
            return followed if _starts_on(followed, line, server, free_port, project) else way
    place = place_of_prefix(start)
    return None if place is None else inserted(line, [place])


def _starts_on(
    way: str, line: str, server: Server, free_port: int, project: Project | None
) -> bool:
    """Return whether a line starts the same servers as `line`, with one on another port."""
    before = list(classify(line, project=project).servers)
    after = list(classify(way, project=project).servers)
    before.remove(server)
    moved = [
        each for each in after if each.port == free_port and _unplaced(each) == _unplaced(server)
    ]
    if not moved or not is_editable(way):
        return False
    after.remove(moved[0])
    return before == after


def _unplaced(server: Server) -> Server:
    """Return a server without its port and what depends on how that is set."""
    return replace(server, port=None, where=None, conflict="unknown")


def _ways(line: str, start: Start, free_port: int) -> Iterator[str]:
    server = start.server
    if server.port is not None and server.where != "default":
        yield from _replacements(line, server.port, free_port)
    command = start.source.command if start.source else None
    if command is None or not start.is_direct or server.port is None:
        return  # a build-and-run command hands its words to a program that nothing is known of
    first, last = command.words[0].start, command.words[-1].end
    for source in _sources(server):
        if (source.startswith("--") and source.endswith("port")) or source in PORT_FLAGS:
            yield line[:last] + f" {source} {free_port}" + line[last:]
        elif source == "#1":
            yield line[:last] + f" {free_port}" + line[last:]
        elif source.startswith("$"):
            yield line[:first] + f"{source[1:]}={free_port} " + line[first:]


def _sources(server: Server) -> Sequence[str]:
    """Return where a tool of the table takes its port from; a project's script has no rows."""
    rows = () if server.program in RUNNERS else tools_by_name().get(server.program, ())
    return tuple(dict.fromkeys(source for row in rows for source in row.sources))


def _replacements(line: str, port: int, free_port: int) -> Iterator[str]:
    """Replace one number of the line at a time."""
    for place in _places(line, str(port)):
        yield line[:place] + str(free_port) + line[place + len(str(port)) :]


def _places(line: str, number: str) -> Iterator[int]:
    place = line.find(number)
    while place >= 0:
        end = place + len(number)
        if not line[:place][-1:].isdigit() and not line[end : end + 1].isdigit():
            yield place
        place = line.find(number, end)


def _with_its_clients(line: str, port: int | None, free_port: int) -> str:
    """Let what else the line does with the server follow it: `& curl localhost:3000`."""
    for host in LOOPBACKS if port is not None else ():
        for place in reversed(list(_places(line, f"{host}{port}"))):
            begin = place + len(host)
            line = line[:begin] + str(free_port) + line[begin + len(str(port)) :]
    return line
