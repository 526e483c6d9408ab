"""Record what real tools write when they cannot have their port, for tests/core/advice/failures.

    python -m scripts.record_failures [--low-port | --sandbox] TOOL...

Run from the root of a checkout with the tools on the PATH. A tool that is absent is named and
skipped. Look at what was recorded before committing it: paths of the machine do not belong there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from styxy.core.advice.failures import find_failure
from tests.core.advice.real_tools import Tool, real_tools
from tests.core.advice.running import (
    LOW_PORT,
    NO_LOW_PORTS,
    SANDBOX,
    Attempt,
    attempt,
    taken_port,
    version_of,
)

FAILURES = Path("tests/core/advice/failures")
WITHIN: dict[str, tuple[str, ...]] = {
    "": (),
    "-low-port": NO_LOW_PORTS,
    "-sandbox": SANDBOX,
}
MOST_LINES = 60
FIRST_LINES = 4


def record(tool: Tool, version: str, *, where: str, within: tuple[str, ...]) -> None:
    """Run a tool and write what it wrote."""
    if where:
        _write(tool, version, attempt(tool, LOW_PORT, within=within), where=where, port=LOW_PORT)
        return
    with taken_port() as port:
        _write(tool, version, attempt(tool, port), where=where, port=port)


def _write(tool: Tool, version: str, tried: Attempt, *, where: str, port: int) -> None:
    found = find_failure(tried.output)
    lines = tried.output.splitlines()
    if len(lines) > MOST_LINES:
        lines = lines[:FIRST_LINES] + lines[FIRST_LINES - MOST_LINES :]
    told = port if found is None or found.port is not None else "-"
    status = "ended" if tried.status is None else tried.status
    kind = "permission" if where else "conflict"
    command = tool.command.replace("{port}", str(port))
    head = "\t".join(map(str, (tool.name + where, version, command, status, kind, told)))
    path = FAILURES / f"{tool.name}{where}.txt"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    print(f"{path}: {found.line if found else 'not recognised'}")


def main() -> None:
    """Record the tools that are named, or all."""
    parser = argparse.ArgumentParser(description="Record how tools fail to have their port.")
    parser.add_argument("--low-port", action="store_true", help="without the right to bind port 80")
    parser.add_argument("--sandbox", action="store_true", help="without a network")
    parser.add_argument("tools", nargs="*", metavar="TOOL", help="all of the list if none is named")
    options = parser.parse_args()
    where = "-low-port" if options.low_port else "-sandbox" if options.sandbox else ""
    within = WITHIN[where]
    for tool in real_tools():
        if options.tools and tool.name not in options.tools:
            continue
        version = version_of(tool)
        if version is None:
            print(f"{tool.name} is not here", file=sys.stderr)
        else:
            record(tool, version, where=where, within=within)


if __name__ == "__main__":
    main()
