"""The six agents that can be had from npm: how each is started against a model of ours.

`make agents` installs them below .cache/agents. A row knows nothing of Styxy: what it writes into
the home is what a user has there before he installs it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PREFIX = ROOT / ".cache" / "agents"
PACKAGES = Path(__file__).with_name("package.json")

NOWHERE = "http://127.0.0.1:9"
"""The discard service's port (RFC 863), where nobody listens: for what asks no model."""

PROMPT = "go"
"""What the user says; the model does not care."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent.

    In `words` and `env`, MODEL stands for the model's URL, so that two sessions share a home.
    `files` are below the home. `title` is the maker's own name of it, `name` ours. `first` are
    words for a run before all others, where two first runs at once would disturb each other.
    """

    name: str
    title: str
    package: str
    words: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    first: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Name the agent; pytest names its tests so."""
        return self.name

    @property
    def program(self) -> Path:
        """Where npm puts the command."""
        return self._modules / ".bin" / self.words[0]

    def missing(self) -> str | None:
        """Say why the agent cannot be had on this machine, in one sentence; None: it can."""
        return (
            None if self.program.exists() else f"{self.package} is not installed; try: make agents"
        )

    def version(self) -> str:
        """Tell the version that is installed."""
        description = self._modules / self.package / "package.json"
        if not description.exists():
            return "unknown"
        return str(json.loads(description.read_text(encoding="utf-8"))["version"])

    @property
    def _modules(self) -> Path:
        return PREFIX / self.package / "node_modules"

    def command(self, model: str) -> list[str]:
        """Spell the command of a session that needs nobody at the terminal."""
        return [str(self.program), *(word.replace("MODEL", model) for word in self.words[1:])]

    def environment(self, model: str) -> dict[str, str]:
        """Give the variables that lead the agent to a model and keep it from everybody else."""
        return {name: text.replace("MODEL", model) for name, text in self.env.items()}

    def settle_in(self, home: Path, env: Mapping[str, str]) -> None:
        """Write the settings that the agent needs, as its user has them."""
        for name, text in self.files.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if self.first:
            own = {**env, **self.environment(NOWHERE)}
            words = [str(self.program), *self.first]
            subprocess.run(words, env=own, cwd=home, stdin=subprocess.DEVNULL, check=True)


CLAUDE = Agent(
    name="claude",
    title="Claude Code",
    package="@anthropic-ai/claude-code",
    words=("claude", "-p", PROMPT, "--allowedTools", "Bash", "--model", "claude-sonnet-5"),
    env={
        "ANTHROPIC_API_KEY": "none",
        "ANTHROPIC_BASE_URL": "MODEL",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
    },
)

CODEX = Agent(
    name="codex",
    title="Codex",
    package="@openai/codex",
    words=(
        *("codex", "exec", "--sandbox", "danger-full-access"),
        *("-c", 'model_providers.mock.base_url="MODEL/v1"', PROMPT),
    ),
    env={"MOCK_KEY": "none"},
    files={
        ".codex/config.toml": """\
model = "mock"
model_provider = "mock"
check_for_update_on_startup = false

[model_providers.mock]
name = "mock"
base_url = "http://127.0.0.1:9/v1"
env_key = "MOCK_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""
    },
)

GEMINI = Agent(
    name="gemini",
    title="Gemini CLI",
    package="@google/gemini-cli",
    words=("gemini", "-m", "gemini-2.5-flash", "-p", PROMPT, "--yolo"),
    env={"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": "MODEL"},
    files={
        ".gemini/settings.json": json.dumps(
            {
                "security": {
                    "auth": {"selectedType": "gemini-api-key"},
                    "folderTrust": {"enabled": False},
                },
                "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
                "privacy": {"usageStatisticsEnabled": False},
                "telemetry": {"enabled": False},
            }
        )
    },
)

QWEN = Agent(
    name="qwen",
    title="Qwen Code",
    package="@qwen-code/qwen-code",
    words=("qwen", "-p", PROMPT, "--yolo"),
    env={"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": "MODEL/v1", "OPENAI_MODEL": "mock"},
    files={
        ".qwen/settings.json": json.dumps(
            {
                "security": {"auth": {"selectedType": "openai"}},
                "general": {"enableAutoUpdate": False},
                "privacy": {"usageStatisticsEnabled": False},
                "telemetry": {"enabled": False},
            }
        )
    },
)

COPILOT = Agent(
    name="copilot",
    title="Copilot CLI",
    package="@github/copilot",
    words=("copilot", "-p", PROMPT, "--allow-all-tools"),
    env={
        "COPILOT_MODEL": "mock",
        "COPILOT_OFFLINE": "true",
        "COPILOT_PROVIDER_API_KEY": "none",
        "COPILOT_PROVIDER_BASE_URL": "MODEL/v1",
        "COPILOT_PROVIDER_MAX_OUTPUT_TOKENS": "4096",
        "COPILOT_PROVIDER_MAX_PROMPT_TOKENS": "100000",
    },
)

OPENCODE = Agent(
    name="opencode",
    title="opencode",
    package="opencode-ai",
    words=("opencode", "run", PROMPT),
    first=("session", "list"),
    env={
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "MOCK_URL": "MODEL/v1",
    },
    files={
        ".config/opencode/opencode.json": json.dumps(
            {
                "model": "mock/mock",
                "small_model": "mock/mock",
                "provider": {
                    "mock": {
                        "npm": "@ai-sdk/openai-compatible",
                        "name": "mock",
                        "options": {"baseURL": "{env:MOCK_URL}", "apiKey": "none"},
                        "models": {"mock": {"name": "mock"}},
                    }
                },
            }
        )
    },
)

AGENTS = (CLAUDE, CODEX, GEMINI, QWEN, COPILOT, OPENCODE)
