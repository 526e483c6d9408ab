"""opencode's plugin, run by Node as opencode runs it, with a program in the place of styxy-hook."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from styxy.client.agents.install.entries import Program
from styxy.client.agents.install.plugin_script import PluginScript, script

NODE = shutil.which("node")

needs_node = pytest.mark.skipif(NODE is None, reason="there is no node")

HOOK = """\
#!{python}
import json, os, pathlib, sys, time
place = pathlib.Path(__file__).parent
agent, event = sys.argv[1:]
question = sys.stdin.read()
(place / event).write_text(json.dumps([agent, event, json.loads(question)]))
answers = json.loads((place / "answers.json").read_text())
sys.stdout.write(answers.get(event, ""))
"""

CALLS = """\
import {{ Styxy }} from {plugin}
const hooks = await Styxy({{ directory: "/home/ada/shop" }})
const said = {{}}
const before = {{ args: {{ command: "npm run dev", description: "start" }} }}
const after = {{ title: "dev", output: "failed", metadata: {{ exit: 1 }} }}
const env = {{ env: {{ MINE: "1" }} }}
const system = {{ system: ["be nice"] }}
const call = {{ tool: "bash", sessionID: "ses_1", callID: "call_1" }}
await hooks.event({{ event: {{ type: "session.created", properties: {{ sessionID: "ses_1" }} }} }})
await hooks.event({{ event: {{ type: "session.idle", properties: {{}} }} }})
try {{
  await hooks["tool.execute.before"](call, before)
}} catch (error) {{
  said.thrown = error.message
}}
await hooks["tool.execute.before"]({{ ...call, tool: "read" }}, {{ args: {{}} }})
await hooks["tool.execute.after"]({{ ...call, args: before.args }}, after)
await hooks["shell.env"]({{ cwd: "/home/ada/shop", ...call }}, env)
await hooks["experimental.chat.system.transform"]({{ sessionID: "ses_1" }}, system)
console.log(JSON.stringify({{ ...said, before, after, env, system }}))
"""


def run(tmp_path: Path, answers: dict[str, str], *, hook: str | None = HOOK) -> dict[str, object]:
    """Call every hook of the plugin once, and return what the agent would then have.

    A program that answers is waited for however busy the machine is.
    """
    assert NODE is not None
    program = tmp_path / "styxy-hook"
    if hook is not None:
        program.write_text(hook.format(python=sys.executable))
        program.chmod(0o755)
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    plugin = tmp_path / "styxy.mjs"
    text = script(Program(str(program)))
    if hook == HOOK:
        patient = text.replace("USUAL_PATIENCE = 500", "USUAL_PATIENCE = 60000")
        assert patient != text
        text = patient.replace('"session.created": 1500', '"session.created": 60000')
    plugin.write_text(text)
    calls = tmp_path / "calls.mjs"
    calls.write_text(CALLS.format(plugin=json.dumps(str(plugin))))
    done = subprocess.run([NODE, calls], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


UNCHANGED = {
    "before": {"args": {"command": "npm run dev", "description": "start"}},
    "after": {"title": "dev", "output": "failed", "metadata": {"exit": 1}},
    "env": {"env": {"MINE": "1"}},
    "system": {"system": ["be nice"]},
}


@needs_node
@pytest.mark.parametrize(
    "answer", ["", "nonsense", "null", "7", "[]", '{"deny": 1, "command": {}, "context": []}']
)
def test_no_answer_and_nonsense_change_nothing(tmp_path: Path, answer: str) -> None:
    events = ("session.created", "tool.execute.before", "tool.execute.after", "shell.env")
    assert run(tmp_path, dict.fromkeys(events, answer)) == UNCHANGED


@needs_node
@pytest.mark.parametrize("hook", [None, "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec sleep 1000\n"])
def test_a_program_that_is_missing_failing_or_slow_changes_nothing(
    tmp_path: Path, hook: str | None
) -> None:
    assert run(tmp_path, {}, hook=hook) == UNCHANGED


@needs_node
def test_a_denial_is_thrown_word_for_word(tmp_path: Path) -> None:
    text = "3000 is the blog's; run: styxy who 3000"
    found = run(tmp_path, {"tool.execute.before": json.dumps({"deny": text})})
    assert found == {**UNCHANGED, "thrown": text}


@needs_node
def test_every_answer_reaches_its_place(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        {
            "session.created": json.dumps({"context": "3000 is yours"}),
            "tool.execute.before": json.dumps({"command": "styxy run -- npm run dev"}),
            "tool.execute.after": json.dumps({"context": "3000 is the blog's"}),
            "shell.env": json.dumps({"env": {"LD_PRELOAD": "/x.so", "BAD": 1}}),
            "experimental.chat.system.transform": json.dumps({"context": "3001 is free"}),
        },
    )
    assert found == {
        "before": {"args": {"command": "styxy run -- npm run dev", "description": "start"}},
        "after": {"title": "dev", "output": "failed\n3000 is the blog's", "metadata": {"exit": 1}},
        "env": {"env": {"MINE": "1", "LD_PRELOAD": "/x.so"}},
        "system": {"system": ["be nice", "3001 is free"]},
    }


@needs_node
def test_what_a_session_was_told_first_stays_until_there_is_something_newer(
    tmp_path: Path,
) -> None:
    found = run(tmp_path, {"session.created": json.dumps({"context": "3000 is yours"})})
    assert found == {**UNCHANGED, "system": {"system": ["be nice", "3000 is yours"]}}


@needs_node
def test_the_program_is_told_what_the_event_has(tmp_path: Path) -> None:
    run(tmp_path, {})
    agent, event, question = json.loads((tmp_path / "tool.execute.after").read_text())
    assert (agent, event) == ("opencode", "tool.execute.after")
    assert isinstance(question.pop("pid"), int)
    assert question == {
        "session_id": "ses_1",
        "directory": "/home/ada/shop",
        "tool": "bash",
        "call_id": "call_1",
        "args": {"command": "npm run dev", "description": "start"},
        "output": "failed",
        "exit": 1,
        "title": "dev",
    }


def test_a_plugin_names_the_program_by_path_or_by_name() -> None:
    assert '"/a \\"b\\"/styxy-hook"' in script(Program('/a "b"/styxy-hook'))
    assert 'const HOOK = "styxy-hook"' in script(Program())


def test_a_plugin_is_known_by_its_first_line() -> None:
    ours = PluginScript(Program(), where="styxy.js")
    assert ours.has_ours(ours.with_ours(None))
    assert ours.is_bare(ours.without_ours(script(Program("/older"))))
    assert not ours.has_ours("// mine")
