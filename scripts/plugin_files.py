"""Write the plugin for Claude Code and Codex and the extension for Gemini CLI: `make docs`.

Their hooks are the ones that `styxy agent install --project` writes, from the same table, because a
plugin is shared between machines, too. The skill is written by hand. The marketplace is in the
root, where `claude plugin marketplace add DIR` looks; the rest has a folder, because an agent
copies the whole of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from styxy import __version__
from styxy.client.agents.install.agents import BY_NAME
from styxy.client.agents.install.entries import Program, document

ROOT = Path(__file__).parent.parent

NAME = "styxy"
DESCRIPTION = "Coordinates the ports of this machine between projects, worktrees and agents"
AUTHOR = {"name": "The Styxy authors"}
SERVERS = {"mcpServers": {NAME: {"command": "styxy", "args": ["mcp"]}}}


def files() -> dict[str, object]:
    """Give the content of every file, by its path below the root."""
    about = {"name": NAME, "version": __version__, "description": DESCRIPTION}
    source = {"name": NAME, "source": "./plugin", "description": DESCRIPTION}
    return {
        ".claude-plugin/marketplace.json": {
            "name": NAME,
            "owner": AUTHOR,
            "metadata": {"description": DESCRIPTION},
            "plugins": [source],
        },
        "plugin/.claude-plugin/plugin.json": {**about, "author": AUTHOR, "license": "MIT"},
        "plugin/.codex-plugin/plugin.json": {
            **about,
            "author": AUTHOR,
            "skills": "./skills/",
            "mcpServers": "./.mcp.json",
            "hooks": "./hooks/codex.json",
        },
        "plugin/.mcp.json": SERVERS,
        "plugin/hooks/hooks.json": hooks_of("claude"),
        "plugin/hooks/codex.json": hooks_of("codex"),
        "plugin/gemini/gemini-extension.json": {**about, **SERVERS},
        "plugin/gemini/hooks/hooks.json": hooks_of("gemini"),
    }


def hooks_of(agent: str) -> dict[str, object]:
    """Give an agent's hooks as they are where the program is called by its name."""
    return document(BY_NAME[agent], Program())


def main() -> int:
    """Bring every file up to date; say which has changed."""
    for name, content in files().items():
        path = ROOT / name
        text = json.dumps(content, indent=2) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
