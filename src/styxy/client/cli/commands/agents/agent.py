"""agent install, uninstall, status, snippet: the hooks of coding agents."""

from __future__ import annotations

from styxy.client.cli.command import Command, no_options
from styxy.client.cli.values import project_here
from styxy.core.errors import EXIT_REFUSED, InvalidInput, NotFound, StyxyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from styxy.client.agents.install.agents import Agent
    from styxy.client.agents.install.entries import Post
    from styxy.client.agents.install.installing import Installer, Outcome
    from styxy.client.cli.command import Caller, Parser

NAMES = ("claude", "codex", "gemini", "qwen", "copilot", "opencode", "cursor")
"""The agents, written out because help must not load their table; a test compares."""


def _add_agents(parser: Parser) -> None:
    parser.add_argument(
        "agents", metavar="AGENT", nargs="*", type=_agent_name, help=", ".join(NAMES)
    )
    parser.add_argument("--all", action="store_true", help="every agent on this machine")
    parser.add_argument(
        "--project", action="store_true", help="in the files of this project, which are shared"
    )


def _agent_name(text: str) -> str:
    from argparse import ArgumentTypeError

    from styxy.core.messages import echo, guess

    if text not in NAMES:
        raise ArgumentTypeError(f"{echo(text)} is no agent that Styxy knows; {guess(text, NAMES)}")
    return text


def add_install_options(parser: Parser) -> None:
    """Add the options of `agent install`."""
    _add_agents(parser)
    parser.add_argument(
        "--trust", action="store_true", help="codex: trust the hooks, which it skips otherwise"
    )
    parser.add_argument(
        "--http",
        action="store_true",
        help="claude: post to the daemon's TCP port instead of starting a program",
    )


def install(options: Namespace, caller: Caller) -> int:
    """Install the hooks; exit 1 if those of any agent could not be."""
    installer = _installer(options, caller)
    agents = _chosen(options, installer)
    _check_flags(options, agents)
    outcomes, failures = [], []
    for agent in agents:
        try:
            post = _post(caller) if options.http and agent.name == "claude" else None
            outcome = installer.install(agent, post)
            notes = _after(agent, installer, caller, trusts=options.trust)
            if options.project:
                from styxy.client.agents.install.start_entries import install_starts

                notes += install_starts(agent.name, installer, project_here(caller.env))
        except StyxyError as failure:
            failures.append(_failed(agent, failure, caller))
        else:
            outcomes.append({**_fields(outcome), "notes": [*outcome.notes, *notes]})
    return _report(outcomes, failures, caller)


def add_uninstall_options(parser: Parser) -> None:
    """Add the options of `agent uninstall`."""
    _add_agents(parser)


def uninstall(options: Namespace, caller: Caller) -> int:
    """Remove the hooks; exit 1 if those of any agent could not be."""
    installer = _installer(options, caller)
    outcomes, failures = [], []
    for agent in _chosen(options, installer, only_found=False):
        try:
            if options.project:
                from styxy.client.agents.install.start_entries import uninstall_starts

                uninstall_starts(agent.name, installer, project_here(caller.env))
            if agent.name == "codex":
                from styxy.client.agents.install.trusting import distrust

                outcome = distrust(agent, installer, caller.env, installer.uninstall(agent))
            else:
                outcome = installer.uninstall(agent)
        except StyxyError as failure:
            failures.append(_failed(agent, failure, caller))
        else:
            outcomes.append(_fields(outcome))
    if options.all and not caller.wants_json:
        outcomes = [each for each in outcomes if each["action"] != "absent"]
        if not outcomes and not failures:
            caller.say("no agent has hooks of Styxy's")
    return _report(outcomes, failures, caller)


def show_status(_options: Namespace, caller: Caller) -> int:
    """Show how the hooks of each agent stand."""
    from dataclasses import asdict

    from styxy.client.agents.install.agents import AGENTS
    from styxy.client.agents.install.installing import Installer
    from styxy.client.agents.install.status import status
    from styxy.client.text.agent_text import statuses

    user = Installer(caller.paths, caller.env)
    project = Installer(caller.paths, caller.env, project=project_here(caller.env))
    found = [status(agent, user, project, caller.env) for agent in AGENTS]
    body = {
        "success": True,
        "agents": [{**asdict(each), "installed": each.installed} for each in found],
    }
    caller.report(body, statuses(found))
    return 0


def add_snippet_options(parser: Parser) -> None:
    """Add the options of `agent snippet`."""
    parser.add_argument(
        "agent",
        metavar="AGENT",
        nargs="?",
        type=_agent_name,
        help="its hooks, to be added by hand; without one, the paragraph for AGENTS.md",
    )


def snippet(options: Namespace, caller: Caller) -> int:
    """Print what can be pasted."""
    from styxy.client.agents.install.agents import BY_NAME
    from styxy.client.agents.install.installing import Installer
    from styxy.client.text.agent_text import PARAGRAPH

    if options.agent is None:
        caller.report({"success": True, "snippet": PARAGRAPH}, PARAGRAPH)
        return 0
    agent, installer = BY_NAME[options.agent], Installer(caller.paths, caller.env)
    text = installer.document(agent).with_ours(None)
    body = {"success": True, "file": installer.file_of(agent), "snippet": text}
    caller.report(body, text)
    return 0


def _installer(options: Namespace, caller: Caller) -> Installer:
    from styxy.client.agents.install.installing import Installer

    project = project_here(caller.env) if options.project else None
    if project is not None:
        _check_is_project(project, caller.env.get("HOME") or "/")
    return Installer(caller.paths, caller.env, project=project)


def _check_is_project(project: str, home: str) -> None:
    """Raise `InvalidInput` for directories whose files of agents are not those of a project."""
    import os

    if os.path.realpath(project) in ("/", os.path.realpath(home)):
        name = "the home directory" if os.path.realpath(project) != "/" else "/"
        raise InvalidInput(
            f"{name} is no project; change to the directory of one, or leave out --project, for "
            "hooks in everything of yours"
        )


def _chosen(options: Namespace, installer: Installer, *, only_found: bool = True) -> list[Agent]:
    from styxy.client.agents.install.agents import AGENTS, BY_NAME

    if bool(options.agents) == options.all:
        raise InvalidInput(
            f"name an agent ({', '.join(NAMES)}), or say --all; see: styxy agent install --help",
            suggestions=["styxy agent install --all"],
        )
    if not options.all:
        return [BY_NAME[name] for name in dict.fromkeys(options.agents)]
    found = [agent for agent in AGENTS if not only_found or installer.is_found(agent)]
    if not found:
        raise NotFound(
            f"none of these agents is on this machine: {', '.join(NAMES)}; "
            "to see what one of them needs, name it: styxy agent install claude",
            suggestions=["styxy agent install claude"],
        )
    return found


def _check_flags(options: Namespace, agents: Sequence[Agent]) -> None:
    names = [agent.name for agent in agents]
    if options.trust and "codex" not in names:
        raise InvalidInput("--trust is for codex; try: styxy agent install codex --trust")
    if options.http and "claude" not in names:
        raise InvalidInput("--http is for claude; try: styxy agent install claude --http")
    if options.http and options.project:
        raise InvalidInput(
            "--http would put the daemon's token into a file of the project, which is shared; "
            "leave out --project"
        )


def _post(caller: Caller) -> Post:
    """Tell where the daemon's TCP port is, and its token; a daemon is started if necessary."""
    from styxy.adapters.home import load_token
    from styxy.client.agents.install.entries import Post
    from styxy.client.daemon.connection import read_record
    from styxy.core.errors import Unavailable

    caller.connection().ensure()
    record = read_record(caller.paths)
    if record is None or record.port is None:
        raise Unavailable("the daemon has no TCP port; see: styxy daemon status")
    return Post(port=record.port, token=load_token(caller.paths.token_file))


def _after(agent: Agent, installer: Installer, caller: Caller, *, trusts: bool) -> list[str]:
    """Do or say what is left to do behind an installation."""
    if agent.name == "codex" and trusts:
        from styxy.client.agents.install.trusting import trust

        return [trust(agent, installer, caller.env)]
    return list(agent.notes)


def _fields(outcome: Outcome) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(outcome)


def _failed(agent: Agent, failure: StyxyError, caller: Caller) -> dict[str, object]:
    if not caller.wants_json:
        caller.complain(f"{agent.name}: {failure.message}")
    return {"agent": agent.name, "error": failure.message, "code": failure.code}


def _report(
    outcomes: Sequence[dict[str, object]], failures: Sequence[dict[str, object]], caller: Caller
) -> int:
    from styxy.client.text.agent_text import outcome_lines

    body = {"success": not failures, "agents": list(outcomes), "failures": list(failures)}
    caller.report(body, "\n".join(line for each in outcomes for line in outcome_lines(each)))
    return EXIT_REFUSED if failures else 0


COMMANDS = (
    Command(
        "agent install",
        "Install the hooks of coding agents, beside what is there.",
        example="styxy agent install --all",
        add_options=add_install_options,
        run=install,
    ),
    Command(
        "agent uninstall",
        "Remove the hooks of coding agents, and leave everything else.",
        example="styxy agent uninstall --all",
        add_options=add_uninstall_options,
        run=uninstall,
    ),
    Command(
        "agent status",
        "Show which agents are here, whose hooks are installed, and what each cannot do.",
        example="styxy agent status",
        add_options=no_options,
        run=show_status,
    ),
    Command(
        "agent snippet",
        "Print the paragraph for AGENTS.md, or the hooks of one agent.",
        example="styxy agent snippet >>AGENTS.md",
        add_options=add_snippet_options,
        run=snippet,
    ),
)
