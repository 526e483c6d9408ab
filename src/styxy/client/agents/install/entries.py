"""The entries that make an agent call `styxy-hook`: written here, and recognised again.

An entry is ours if it runs a program of that name or posts to a daemon's `/hooks/`, whatever else
it says: so that an older version's entries are found, and those that somebody has edited.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from styxy.client.agents.install.agents import Agent, Event

_PROGRAM = re.compile(r"""(?:^|[\s/'"])styxy-hook(?=$|[\s'"])""")
_URL = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\]):\d+/hooks/\w+/\w+")

_POSTS = re.compile(
    r'"http://127\.0\.0\.1:(\d+)/hooks/claude/\w+"[^{}]*\{\s*"Authorization"\s*:\s*"Bearer (\w+)"'
)

Entry = dict[str, object]


@dataclass(frozen=True, slots=True)
class Program:
    """Call the program at a path; on PATH, and only if it is there, where `path` is None."""

    path: str | None = None

    def line(self, agent: str, event: str) -> str:
        """Write the call as a shell line that succeeds even where the program has gone."""
        words = f"{shlex.quote(agent)} {shlex.quote(event)}"
        if self.path is None:
            return f"command -v styxy-hook >/dev/null && styxy-hook {words} || true"
        program = shlex.quote(self.path)
        return f"[ -x {program} ] && {program} {words} || true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Post to the TCP port of the daemon, with its token."""

    port: int
    token: str

    def hook(self, agent: Agent, event: Event) -> Entry:
        """Write a hook of the type `http`."""
        return {
            "type": "http",
            "url": f"http://127.0.0.1:{self.port}/hooks/{agent.name}/{event.name}",
            "headers": {"Authorization": f"Bearer {self.token}"},
            "timeout": event.timeout,
        }


def entries(agent: Agent, program: Program, post: Post | None = None) -> list[tuple[str, Entry]]:
    """List every event with its entry. With `post`, all but the session's start are posted."""
    found = []
    for event in agent.events:
        if post is not None and event.name != "SessionStart":
            hook = post.hook(agent, event)
        else:
            hook = _hook(agent, event, program)
        found.append((event.name, _entry(agent, event, hook)))
    return found


def document(agent: Agent, program: Program) -> dict[str, object]:
    """Write the file of an agent that holds our hooks and nothing else."""
    hooks = {event: [entry] for event, entry in entries(agent, program)}
    return {**agent.shape.document, "hooks": hooks}


def commands(agent: Agent, program: Program) -> set[str]:
    """List what the hooks of an agent run, as shell lines."""
    return {program.line(agent.name, event.name) for event in agent.events}


def posts(text: str) -> Post | None:
    """Find where a file's hooks post to; None if none does."""
    found = _POSTS.search(text)
    return Post(port=int(found[1]), token=found[2]) if found else None


def _hook(agent: Agent, event: Event, program: Program) -> Entry:
    shape = agent.shape
    hook: Entry = dict(shape.more)
    if shape.takes_args and program.path is not None:
        hook |= {shape.command: program.path, "args": [agent.name, event.name]}
    else:
        hook[shape.command] = program.line(agent.name, event.name)
    if shape.timeout is not None:
        hook[shape.timeout] = event.timeout * shape.timeout_unit
    return hook


def _entry(agent: Agent, event: Event, hook: Entry) -> Entry:
    matcher: Entry = {} if event.matcher is None else {"matcher": event.matcher}
    return {**matcher, "hooks": [hook]} if agent.shape.has_groups else {**hook, **matcher}


def is_our_hook(hook: object) -> bool:
    """Tell whether one hook is ours."""
    if not isinstance(hook, dict):
        return False
    url = hook.get("url")
    if isinstance(url, str) and _URL.fullmatch(url):
        return True
    return any(_PROGRAM.search(text) for text in _commands(hook))


def _commands(hook: Entry) -> Iterator[str]:
    for name in ("command", "bash", "powershell"):
        if isinstance(text := hook.get(name), str):
            yield text
