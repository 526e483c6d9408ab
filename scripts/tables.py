"""Fill in what documents and README derive from the code, tables above all: `make docs`.

A page has it between `<!-- table: NAME -->` and `<!-- end of table -->`; tests/docs compares. The
words around them are written by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from styxy.client.agents.install.agents import AGENTS, Agent
from styxy.client.agents.mcp.tools import WRITING, reading, registered, writing
from styxy.client.cli.command import Caller, Command, Parser
from styxy.client.cli.main import all_commands
from styxy.core.config.environment import VARIABLES
from styxy.core.config.iana import WELL_KNOWN
from styxy.core.config.settings_table import SETTINGS, Setting
from styxy.core.errors import DaemonUnreachable, all_errors
from styxy.core.messages import how_to_report
from styxy.core.model.service_types import BUILT_IN, Catalogue
from styxy.core.model.templates import OFFSETS, TEMPLATED_TYPES, template_port
from styxy.server.http.app import ROUTES

ROOT = Path(__file__).parent.parent

_TABLE = re.compile(r"(<!-- table: ([\w -]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def filled(text: str) -> str:
    """Fill in every table of a page."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", text)


def rows(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    cells = [titles, ["---"] * len(titles), *lines]
    return "\n".join(f"| {' | '.join(each.replace('|', '/') for each in line)} |" for line in cells)


def settings() -> str:
    """Every key of config.json."""
    return rows(
        ("key", "default", "may be", "meaning"),
        (
            (code(each.shown), default(each), bounds(each), meaning(each))
            for each in SETTINGS
            if not each.is_object
        ),
    )


def default(setting: Setting) -> str:
    """Show what holds without a word in the file."""
    if setting.path.startswith("auto_allocation_rules"):
        return "as without the rule"
    if setting.path == "service_types.*.range":
        return "none"
    value = setting.default
    return code(f"{value:g}" if isinstance(value, float) else json.dumps(value))


def bounds(setting: Setting) -> str:
    """Say what a value may be; other spellings, too."""
    others = [*setting.spellings[1:]]
    more = f"; also spelled {', '.join(map(code, others))}" if others else ""
    return f"{setting.expected}{more}"


def meaning(setting: Setting) -> str:
    """Say what a setting is for, and what overrides it."""
    notes = [setting.meaning]
    if setting.variable:
        notes.append(f"{code(setting.variable)} overrides it")
    if setting.needs_restart:
        notes.append("in force after a restart of the daemon")
    return "; ".join(notes)


def variables() -> str:
    """Every environment variable."""
    return rows(
        ("variable", "may be", "meaning", "overrides"),
        (
            (code(v.name), v.kind.expected, v.meaning, code(v.setting) if v.setting else "")
            for v in VARIABLES
        ),
    )


def types() -> str:
    """The service types that are built in."""
    return rows(
        ("type", "range", "preferred", "for"),
        (
            (
                code(kind.name),
                str(kind.ports),
                f"{kind.preferred_ports[0]}-{kind.preferred_ports[-1]}",
                kind.description + ("; **singleton**" if kind.is_singleton else ""),
            )
            for kind in BUILT_IN
        ),
    )


def templates() -> str:
    """What each instance template gives first."""
    catalogue = Catalogue()
    return rows(
        ("type", *(f"{name} (+{offset})" for name, offset in OFFSETS.items())),
        (
            (code(kind), *(str(template_port(name, catalogue.get(kind))) for name in OFFSETS))
            for kind in TEMPLATED_TYPES
        ),
    )


def commands() -> str:
    """Every command with what it takes."""
    return rows(
        ("command", "takes", "does"),
        (
            (code(f"styxy {each.name}"), " ".join(map(code, taken(each))), each.summary)
            for each in all_commands()
        ),
    )


def mcp_tools() -> str:
    """Every tool of the MCP server with what it takes."""
    caller = Caller({}, out=sys.stdout, err=sys.stderr)
    tools = [registered(each) for each in (*reading(caller), *writing(caller))]
    return rows(
        ("tool", "takes", "changes", "what the model is told"),
        (
            (
                code(each.name),
                " ".join(map(code, each.parameters["properties"])),
                "something" if each.name in WRITING else "nothing",
                each.description,
            )
            for each in tools
        ),
    )


class Options(Parser):
    """Note what a command takes, in the order in which help has it."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.names: set[str] = set()
        super().__init__(add_help=False)

    def add_argument(self, *names: str, **more: Any) -> argparse.Action:
        """Note an option: its first short and its first long name, and the word for its value."""
        self.names |= {*names}
        choices = more.get("choices")
        named = "/".join(map(str, choices)) if isinstance(choices, list | tuple) else ""
        value = str(more.get("metavar") or named)
        if not names[0].startswith("-"):
            self.noted.append(f"[{value}]" if more.get("nargs") == "?" else value)
        else:
            short = [name for name in names if not name.startswith("--")][:1]
            first_long = [name for name in names if name.startswith("--")][:1]
            self.noted.append(f"{', '.join([*short, *first_long])} {value}".strip())
        return super().add_argument(*names, **more)


def taken(command: Command) -> list[str]:
    """List the options and values of a command."""
    options = Options()
    command.add_options(options)
    return options.noted


def agents() -> str:
    """Where each agent's hooks are, and at which events they are called."""
    return rows(
        ("agent", "hooks of a user", "of a project", "events"),
        (
            (
                f"{each.title} ({code(each.name)})",
                code(f"~/{each.usual}/{each.file}") + moved_by(each),
                code(each.project_file),
                ", ".join(code(event.name) for event in each.events),
            )
            for each in AGENTS
        ),
    )


def moved_by(agent: Agent) -> str:
    """Name the variables that move an agent's directory."""
    return "".join(f", {code(variable)}" for variable, _ in agent.variables)


def agent_limits() -> str:
    """What each agent cannot do."""
    return rows(("agent", "limits"), ((each.title, "; ".join(each.limits)) for each in AGENTS))


def routes() -> str:
    """Every operation of the API."""
    names = [(f"{each.method} {each.path}", each.summary) for each in ROUTES]
    return rows(
        ("operation", "does"),
        ((f"[{code(name)}](#{anchor(name)})", summary) for name, summary in names),
    )


def errors() -> str:
    """Every error code with its HTTP status and the exit status of a command."""
    return rows(
        ("code", "HTTP status", "exit status", "what to do"),
        (
            (
                code(kind.code),
                "-" if kind is DaemonUnreachable else str(kind.status_hint),
                str(kind.exit_code),
                f"[{kind.code}](troubleshooting.md#{anchor(kind.code)})",
            )
            for kind in all_errors()
            # Adapters have kinds of their own under these, with the same codes.
            if kind.__module__ == DaemonUnreachable.__module__
        ),
    )


def report() -> str:
    """Say where bugs are reported. README and docs/ are in different directories, so no link."""
    text = how_to_report().replace("CONTRIBUTING.md", code("CONTRIBUTING.md"))
    return f"{text[0].upper()}{text[1:]}."


def anchor(heading: str) -> str:
    """Spell the address of a heading as the usual renderers of Markdown do."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def code(text: str) -> str:
    """Show something as code."""
    return f"`{text}`"


def iana() -> str:
    """What our own ranges collide with in the registry of IANA (`docs/iana.tsv`)."""
    lines = (ROOT / "docs" / "iana.tsv").read_text(encoding="utf-8").splitlines()
    assigned = {int(port) for port in (line.split("\t")[0] for line in lines) if port.isdigit()}
    return rows(
        ("type", "range", "ports", "assigned", "well-known services in it"),
        (
            (
                code(kind.name),
                str(span),
                str(span.last - span.first + 1),
                str(sum(port in assigned for port in range(span.first, span.last + 1))),
                ", ".join(
                    f"{each.port} {each.name}"
                    for each in WELL_KNOWN
                    if span.first <= each.port <= span.last
                ),
            )
            for kind in BUILT_IN
            for span in kind.ranges
        ),
    )


def well_known() -> str:
    """The services that `styxy config validate` warns of."""
    return rows(
        ("port", "in the registry", "which is"),
        ((str(each.port), code(each.name), each.program) for each in WELL_KNOWN),
    )


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings,
    "variables": variables,
    "service types": types,
    "templates": templates,
    "commands": commands,
    "mcp tools": mcp_tools,
    "agents": agents,
    "agent limits": agent_limits,
    "routes": routes,
    "errors": errors,
    "report": report,
    "iana": iana,
    "well-known services": well_known,
}


def main() -> int:
    """Bring every page up to date; say which has changed."""
    for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))):
        text = path.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            path.write_text(new, encoding="utf-8")
            sys.stdout.write(f"wrote {path.name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
