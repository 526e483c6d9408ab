"""Hooks put into files that users have, and taken out: `agents`, `entries`."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.client.agents.install.agents import AGENTS, BY_NAME, Agent
from styxy.client.agents.install.entries import (
    Post,
    Program,
    document,
    entries,
    is_our_hook,
    posts,
)
from styxy.client.agents.install.hooks_document import HooksDocument
from styxy.client.agents.install.json_spans import parse
from styxy.core.errors import Conflict
from tests.client.agents.install.documents import texts

LISTS = [agent for agent in AGENTS if not agent.is_script]
TOLERANT = [agent for agent in LISTS if agent.takes_comments]
HERE = Program("/home/ada/.styxy/bin/styxy-hook")
CLAUDE = BY_NAME["claude"]
QWEN = BY_NAME["qwen"]


def hooks_document(
    agent: Agent = CLAUDE, program: Program = HERE, post: Post | None = None
) -> HooksDocument:
    """What a file of an agent is to hold."""
    return HooksDocument(agent, entries(agent, program, post), where="settings.json")


def by_name(agent: Agent) -> str:
    """The name of a test case."""
    return agent.name


@pytest.mark.parametrize("agent", LISTS, ids=by_name)
def test_a_new_file_holds_our_hooks_alone(agent: Agent) -> None:
    ours = hooks_document(agent)
    text = ours.with_ours(None)
    assert json.loads(text) == document(agent, HERE)
    assert ours.is_bare(ours.without_ours(text))


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ({"$schema": "https://example.org"}, 'its key "$schema"'),
        ({"_comment": "mine"}, 'its key "_comment"'),
        ({"hooks": {"Stop": [{"hooks": [{"type": "http"}]}]}}, 'a hook of the type "http"'),
        ({"hooks": {"Stop": [{"hooks": [{"command": "x"}]}]}}, "a hook without a type"),
        ({"hooks": {"Stop": [{"hooks": [{"type": "command"}]}]}}, "a hook without a command"),
        ({"hooks": {"Stop": [{"hooks": [{"type": "prompt"}], "x": 1}], "New": []}}, None),
        ({"description": "mine"}, None),
    ],
)
def test_what_codex_reads_nothing_of_is_told(more: dict[str, object], cause: str | None) -> None:
    ours = hooks_document(BY_NAME["codex"])
    text = ours.with_ours(json.dumps(more))
    title = "Codex reads nothing of settings.json because of"
    assert ours.refused(text) == (f"{title} {cause}; remove that" if cause else None)
    assert hooks_document(CLAUDE).refused(text) is None


@given(agent=st.sampled_from(TOLERANT), text=texts())
def test_hooks_come_out_of_any_settings_without_a_trace(agent: Agent, text: str) -> None:
    ours = hooks_document(agent)
    longer = ours.with_ours(text)
    assert ours.has_ours(longer)
    assert ours.with_ours(longer) == longer
    assert ours.without_ours(longer, keep=ours.empty(text)) == text


def test_lists_that_share_a_line_get_it_back() -> None:
    text = '{\n"x": 1, "hooks": {"PostToolUse": [], "PreToolUse": [ ], "SessionStart": []}}'
    ours = hooks_document(QWEN)
    assert ours.without_ours(ours.with_ours(text), keep=ours.empty(text)) == text


@given(text=texts())
def test_settings_keep_their_values_and_their_order(text: str) -> None:
    before, after = parse(text).data, parse(hooks_document(QWEN).with_ours(text)).data
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert [key for key in after if key in before] == list(before)
    assert {**after, "hooks": 0} == {**before, "hooks": 0}
    theirs = before.get("hooks", {})
    assert list(after["hooks"])[: len(theirs)] == list(theirs)
    for event, groups in theirs.items():
        assert after["hooks"][event][: len(groups)] == groups


@given(text=texts(), ports=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_older_entries_give_way_to_newer_ones_where_they_stand(
    text: str, ports: tuple[int, int]
) -> None:
    old, new = (hooks_document(QWEN, post=Post(port=port, token="ab")) for port in ports)
    older = old.with_ours(text)
    assert new.with_ours(older) == new.with_ours(text)


def test_an_entry_of_ours_that_somebody_doubled_or_moved_is_one_again() -> None:
    ours = hooks_document()
    data = json.loads(ours.with_ours(None))
    data["hooks"]["PreToolUse"] *= 3
    data["hooks"]["Stop"] = data["hooks"]["PreToolUse"][:1]
    assert json.loads(ours.with_ours(json.dumps(data))) == document(CLAUDE, HERE)


def test_a_hook_that_somebody_put_into_our_group_stays() -> None:
    ours = hooks_document()
    data = json.loads(ours.with_ours(None))
    own = {"type": "command", "command": "mine"}
    data["hooks"]["PreToolUse"][0]["hooks"].append(own)
    text = json.dumps(data, indent=2)
    again = json.loads(ours.with_ours(text))["hooks"]["PreToolUse"]
    assert [group["hooks"] for group in again] == [
        [own],
        document(CLAUDE, HERE)["hooks"]["PreToolUse"][0]["hooks"],  # type: ignore[index] # JSON
    ]
    left = json.loads(ours.without_ours(text))
    assert left == {
        "hooks": {"PreToolUse": [{"matcher": CLAUDE.events[2].matcher, "hooks": [own]}]}
    }


def test_what_users_add_behind_ours_stays_as_they_wrote_it() -> None:
    ours = hooks_document(QWEN)
    text = ours.with_ours('{\n  "model": "opus"\n}\n').rstrip().removesuffix("}").rstrip()
    text += ',\n  // later\n  "theme": "dark"\n}\n'
    assert ours.without_ours(text) == ('{\n  "model": "opus",\n  // later\n  "theme": "dark"\n}\n')


def test_codex_counts_hooks_so_ours_stand_last_and_stay_where_they_are() -> None:
    codex = BY_NAME["codex"]
    mine = {"matcher": "Bash", "hooks": [{"type": "command", "command": "mine"}]}
    theirs = json.dumps({"hooks": {"PreToolUse": [mine]}})
    ours = hooks_document(codex)
    first = ours.with_ours(theirs)
    assert json.loads(first)["hooks"]["PreToolUse"][0] == mine
    data = json.loads(first)
    data["hooks"]["PreToolUse"].append(mine)
    assert not ours.is_last(json.dumps(data))
    moved = hooks_document(codex, Program("/elsewhere/styxy-hook"))
    again = json.loads(moved.with_ours(json.dumps(data)))["hooks"]["PreToolUse"]
    assert [is_our_hook(group["hooks"][0]) for group in again] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"hooks": [}', "settings.json:1:12: expected a value, not '}'; mend the file, or add by "
         "hand what this shows: styxy agent snippet claude"),
        ("[]", "settings.json must hold an object; move the file away"),
        ('{"hooks": []}', "hooks in settings.json must be an object; mend the file"),
        ('{"hooks": {"PreToolUse": {}}}', "hooks.PreToolUse in settings.json must be a list; "
         "mend the file"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_understood_is_refused_in_one_sentence(
    text: str, sentence: str
) -> None:
    with pytest.raises(Conflict, match=f"^{re.escape(sentence)}$"):
        hooks_document().with_ours(text)


@pytest.mark.parametrize("blank", ["", "\n", "\ufeff", "  \r\n"])
def test_an_empty_file_counts_as_a_new_one(blank: str) -> None:
    ours = hooks_document(BY_NAME["copilot"])
    assert json.loads(ours.with_ours(blank)) == document(BY_NAME["copilot"], HERE)


@pytest.mark.parametrize(
    "hook",
    [
        {"command": "/home/ada/.styxy/bin/styxy-hook", "args": ["claude", "Stop"]},
        {"command": "'/home/a b/styxy-hook' codex Stop"},
        {"bash": "command -v styxy-hook >/dev/null && styxy-hook copilot preToolUse || true"},
        {"type": "http", "url": "http://127.0.0.1:9876/hooks/claude/PreToolUse"},
    ],
)
def test_ours_is_known_however_it_is_written(hook: object) -> None:
    assert is_our_hook(hook)


@pytest.mark.parametrize(
    "hook",
    [
        None,
        "styxy-hook",
        {"command": "my-styxy-hook-wrapper"},
        {"command": "styxy-hooks"},
        {"command": 7},
        {"url": "http://127.0.0.1:9876/hooks"},
        {"url": "http://example.org:80/hooks/claude/PreToolUse"},
    ],
)
def test_what_only_looks_like_ours_is_left_alone(hook: object) -> None:
    assert not is_our_hook(hook)


@pytest.mark.parametrize("agent", AGENTS, ids=by_name)
@pytest.mark.parametrize(
    "program", [Program(), Program("/nowhere/styxy-hook")], ids=["PATH", "home"]
)
def test_a_shell_line_does_no_harm_without_styxy(
    agent: Agent, program: Program, tmp_path: Path
) -> None:
    for event in agent.events:
        done = subprocess.run(
            ["/bin/sh", "-c", program.line(agent.name, event.name)],
            env={"PATH": str(tmp_path)},
            input=b"{}",
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_shell_line_hands_standard_input_to_the_program(tmp_path: Path) -> None:
    program = tmp_path / "a b" / "styxy-hook"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$1 $2"\ncat\nexit 3\n')
    program.chmod(0o755)
    for line in (Program(str(program)).line("codex", "Stop"), Program().line("codex", "Stop")):
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            env={"PATH": f"{program.parent}:/usr/bin:/bin"},
            input=b"payload",
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, b"codex Stop\npayload")


def test_codex_gets_no_key_that_it_does_not_know() -> None:
    data = document(BY_NAME["codex"], HERE)
    assert data.keys() == {"hooks"}
    for event, entry in entries(BY_NAME["codex"], HERE):
        assert entry.keys() <= {"matcher", "hooks"}, event
        hooks = entry["hooks"]
        assert isinstance(hooks, list)
        assert [hook.keys() for hook in hooks] == [{"type", "command", "timeout"}]


def test_gemini_counts_in_milliseconds_and_claude_starts_no_shell() -> None:
    (_, gemini), (_, claude) = (entries(BY_NAME[name], HERE)[0] for name in ("gemini", "claude"))
    assert gemini["hooks"][0]["timeout"] == 5000  # type: ignore[index] # JSON
    assert claude["hooks"][0] == {  # type: ignore[index] # JSON
        "type": "command",
        "command": "/home/ada/.styxy/bin/styxy-hook",
        "args": ["claude", "SessionStart"],
        "timeout": 5,
    }


def test_posts_serve_every_event_but_the_start_of_a_session() -> None:
    post = Post(port=9876, token="f00d")
    found = dict(entries(CLAUDE, HERE, post))
    assert found["SessionStart"] == dict(entries(CLAUDE, HERE))["SessionStart"]
    assert found["PreToolUse"] == {
        "matcher": "Bash|Monitor|PowerShell",
        "hooks": [
            {
                "type": "http",
                "url": "http://127.0.0.1:9876/hooks/claude/PreToolUse",
                "headers": {"Authorization": "Bearer f00d"},
                "timeout": 5,
            }
        ],
    }
    assert posts(hooks_document(post=post).with_ours("{}")) == post
    assert posts(hooks_document().with_ours("{}")) is None


@pytest.mark.parametrize(
    ("agent", "env", "directory"),
    [
        ("claude", {}, "/home/ada/.claude"),
        ("claude", {"CLAUDE_CONFIG_DIR": "/x"}, "/x"),
        ("codex", {"CODEX_HOME": "/x"}, "/x"),
        ("gemini", {"GEMINI_CLI_HOME": "/x"}, "/x/.gemini"),
        ("qwen", {"QWEN_HOME": "/x"}, "/x"),
        ("copilot", {"COPILOT_HOME": "/x"}, "/x"),
        ("opencode", {}, "/home/ada/.config/opencode"),
        ("opencode", {"XDG_CONFIG_HOME": "/x"}, "/x/opencode"),
        ("opencode", {"OPENCODE_CONFIG_DIR": "/y", "XDG_CONFIG_HOME": "/x"}, "/y"),
        ("cursor", {"XDG_CONFIG_HOME": "/x"}, "/home/ada/.cursor"),
        ("codex", {"CODEX_HOME": ""}, "/home/ada/.codex"),
    ],
)
def test_the_variables_that_move_an_agent_are_honoured(
    agent: str, env: dict[str, str], directory: str
) -> None:
    assert BY_NAME[agent].directory({"HOME": "/home/ada", **env}) == directory


@pytest.mark.parametrize("agent", AGENTS, ids=by_name)
def test_each_agent_says_what_it_cannot_do(agent: Agent) -> None:
    assert agent.limits
    assert all(each[0].islower() and not each.endswith(".") for each in agent.limits)


@pytest.mark.parametrize("text", ["{} // mine", '{"model": "opus",}', "{/* */}"])
def test_a_file_that_its_agent_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(Conflict, match="Claude Code reads nothing of such a file; mend it"):
        hooks_document().with_ours(text)
    with pytest.raises(Conflict, match="Codex reads nothing"):
        hooks_document(BY_NAME["codex"]).with_ours(text)
    assert hooks_document(BY_NAME["gemini"]).has_ours(
        hooks_document(BY_NAME["gemini"]).with_ours(text)
    )


@pytest.mark.parametrize(
    ("agent", "text", "name"),
    [
        ("claude", '{"disableAllHooks": true}', "disableAllHooks"),
        ("claude", '{"disableAllHooks": false}', None),
        ("qwen", '{"disableAllHooks": true}', "disableAllHooks"),
        ("gemini", '{"hooksConfig": {"enabled": false}}', "hooksConfig.enabled"),
        ("gemini", '{"hooksConfig": []}', None),
        ("codex", '{"disableAllHooks": true}', None),
    ],
)
def test_a_setting_that_turns_all_hooks_off_is_seen(
    agent: str, text: str, name: str | None
) -> None:
    assert hooks_document(BY_NAME[agent]).switched_off(text) == name
