"""The front of the command line: flags, help, wrong usage, and failures as sentences.

Also tests `__main__` and `values`.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from styxy import __version__
from styxy.client.cli.command import Command
from styxy.client.cli.main import HABITS, MODULES, all_commands, run_command
from tests.commands import CommandLine
from tests.fakes import FakeDaemon, clean_environment


def run(*words: str, **env: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run_command(words, clean_environment(**env), out=out, err=err)
    return code, out.getvalue(), err.getvalue()


def test_the_table_names_every_command_and_no_other() -> None:
    assert {command.name.split()[0] for command in all_commands()} == set(MODULES)


@pytest.mark.parametrize("command", all_commands(), ids=lambda command: command.name)
def test_every_command_has_help_with_an_example(command: Command) -> None:
    code, printed, err = run(*command.name.split(), "--help")
    assert (code, err) == (0, "")
    assert f"usage: styxy {command.name.split()[0]}" in printed
    assert "example:\n  " in printed


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["daemon", "--help"]])
def test_the_list_of_commands_is_shown_to_who_asks(words: list[str]) -> None:
    code, out, _ = run(*words)
    assert code == 0
    assert "daemon status" in out


def test_the_help_of_everything_names_the_version() -> None:
    assert "styxy --version" in run("--help")[1]
    assert "--version" not in run("daemon", "--help")[1]


@pytest.mark.parametrize("words", [["--help"], ["check", "--help"], ["daemon", "-h"]])
def test_help_is_one_document_where_that_is_asked_for(words: list[str]) -> None:
    code, out, err = run(*words, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["help"].startswith("usage: styxy")


@pytest.mark.parametrize("words", [["--json"], ["daemon", "--json"], ["--json", "config"]])
def test_no_command_is_one_document_where_that_is_asked_for(words: list[str]) -> None:
    code, out, err = run(*words)
    assert (code, err) == (2, "")
    assert json.loads(out)["error"].startswith("missing argument: COMMAND; see: styxy")


def test_a_habit_leads_to_a_command_and_hides_none() -> None:
    names = {command.name for command in all_commands()} | {"--version"}
    assert set(HABITS.values()) <= names
    assert not HABITS.keys() & names


@pytest.mark.parametrize("words", [[], ["daemon"]])
def test_no_command_is_wrong_usage(words: list[str]) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "usage: styxy" in err


@pytest.mark.parametrize("words", [["--version"], ["-V"]])
def test_the_version_is_told(words: list[str]) -> None:
    assert run(*words) == (0, f"styxy {__version__}\n", "")


def test_the_version_is_told_as_json() -> None:
    _, out, _ = run("--json", "--version")
    assert json.loads(out) == {"version": __version__}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["chek", "1"], "unknown command 'chek'; did you mean 'styxy check'?"),
        (["stop"], "did you mean 'styxy daemon stop'?"),
        (["status"], "did you mean 'styxy daemon status'?"),
        (["daemon", "validate"], "did you mean 'styxy config validate'?"),
        (["ls"], "unknown command 'ls'; did you mean 'styxy list'?"),
        (["ps"], "unknown command 'ps'; did you mean 'styxy list'?"),
        (["version"], "unknown command 'version'; did you mean 'styxy --version'?"),
        (
            ["config", "list"],
            "unknown command 'config list'; did you mean 'styxy config show'?",
        ),
        (["valdate"], "did you mean 'styxy config validate'?"),
        (["--jsn", "list"], "unknown option '--jsn'; did you mean 'styxy --json'?"),
        (["xyzzy"], "expected one of: run, env, wait"),
        (
            ["daemon", "stat"],
            "unknown command 'daemon stat'; did you mean 'styxy daemon start'?",
        ),
        (["config", "zork"], "unknown command 'config zork'; expected one of: config show,"),
        (["check", "abc"], "'abc' is not a port (1-65535); see: styxy check --help"),
        (["check", "0"], "'0' is not a port"),
        (["check", "65536"], "'65536' is not a port"),
        (["check", "-5"], "styxy check --help"),
        (["check", "٣٠٠٠"], "is not a port"),
        (["check"], "PORT"),
        (["check", "1", "2"], "unexpected argument '2'; see: styxy check --help"),
        (["allocate"], "--service-type"),
        (["allocate", "-s", "dev", "-p", "80"], "80 is below 1024"),
        (["run", "--own", "3000,web", "--", "true"], "'web' is not a port"),
        (["run", "--own", "3000,", "--", "true"], "'' is not a port"),
        (["run", "--own", "", "--", "true"], "the value must not be empty"),
        (["allocate", "-s", "dev", "--env", "A B"], "not a variable name"),
        (["allocate", "-s", "dev", "--project", "/nowhere"], "no such directory: '/nowhere'"),
        (["release"], "one lease or one port"),
        (["release", "x", "--port", "3000"], "one lease or one port"),
        (["release", "3000"], "try: styxy release --port 3000"),
        (["suggest", "dev", "-c", "0"], "'0' is not a whole number from 1 to"),
        (["run"], "try: styxy run -- npm run dev"),
        (
            ["run", "--backend", "magic", "--", "true"],
            "--backend: 'magic' is not a choice; expected one of:",
        ),
        (["run", "--backend", "seccom", "--", "true"], "did you mean 'seccomp'?"),
        (["list", "--jsn"], "unknown option '--jsn'; did you mean '--json'?"),
        (["list", "--frobnicate=x"], "unknown option '--frobnicate'; expected one of: --help,"),
        (["release", "--instance", "x"], "unknown option '--instance'; expected one of: --help,"),
        (["agents"], "unknown command 'agents'; did you mean 'styxy agent'?"),
        (["gadgets"], "unknown command 'gadgets'; expected one of: run,"),
        (["list", "--", "-x"], "unknown option '-x'"),
        (["list", "--verbose=x"], "takes no value, but got 'x'"),
        (["list", "--service"], "--service-type: missing value; see: styxy list"),
        (["list", "--service", ""], "'' is not a valid service type; use 1 to 50"),
        (
            ["list", "--project", ""],
            "--project: the value must not be empty; see: styxy list --help",
        ),
        (["allocate", "-s", "dev", "--instance", ""], "the value must not be empty"),
        (
            ["allocate", "-s", "dev", "-n", "a b"],
            "--service-name: 'a b' is not a name; use 1 to 100",
        ),
        (["allocate", "-s", "dev", "--instance", "ä"], "--instance-id: 'ä' is not a name; use 1"),
        (["run", "-n", "a b", "--", "true"], "--name: 'a b' is not a name; use 1 to 100"),
        (["allocate", "-s", "a b"], "'a b' is not a valid service type"),
        (["allocate", "-s", "dev", "-p", "9" * 5000], "99…' is not a port (1-65535)"),
        (["suggest", "a/b"], "'a/b' is not a valid service type"),
        (["release", "a/b"], "'a/b' is not a lease id"),
        (["release", ""], "'' is not a lease id"),
        (["config", "auto-allocation", "undo"], "see: styxy config auto-allocation --help"),
        (["config", "auto-allocation", "list", "x"], "see: styxy config auto-allocation --help"),
        (["audit", "--since", "tomorrow"], "'tomorrow' is not a time; use 10m, 2h, 2026-"),
        (["daemon", "logs", "-f", "--json"], ""),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_2(words: list[str], sentence: str) -> None:
    code, out, err = run(*words, STYXY_SOCKET="/nowhere/s")
    assert code == 2
    if "--json" in words:
        assert json.loads(out)["code"] == "invalid_input"
    else:
        assert out == ""
        assert sentence in err
        assert err.startswith("styxy: ")
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--no-start", "--json", "list"],
        ["list", "--json", "--no-start"],
        ["--json", "list", "--no-start"],
        ["daemon", "--json", "status"],
        ["--json", "daemon", "status"],
    ],
)
def test_flags_are_taken_anywhere_and_failures_are_json_too(words: list[str]) -> None:
    code, out, err = run(*words, STYXY_SOCKET="/nowhere/s")
    assert (code, err) == (3, "")
    document = json.loads(out)
    assert document["code"] == "daemon_unreachable"
    assert document["success"] is False
    assert document["context"]["suggestions"] == ["styxy daemon start -d"]


def test_an_answer_is_passed_on_unchanged_as_json(tmp_path: Path) -> None:
    answer = b'{"allocations":  [],"new_field":1}'
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer
    with FakeDaemon(tmp_path / "s", lambda *_: reply):
        code, out, _ = run("list", "--json", STYXY_SOCKET=str(tmp_path / "s"))
    assert (code, out) == (0, answer.decode() + "\n")


class BrokenStream(io.StringIO):
    """A stream that fails in a way nobody foresaw."""

    def write(self, text: str) -> int:
        """Fail."""
        raise RuntimeError("the stream is on fire")


def test_an_unforeseen_failure_is_a_sentence_with_the_next_step() -> None:
    err = io.StringIO()
    assert run_command(["--version"], {}, out=BrokenStream(), err=err) == 1
    assert err.getvalue() == (
        "styxy: internal error (RuntimeError: the stream is on fire); "
        "set STYXY_LOG_LEVEL=debug to see where\n"
    )


def test_the_trace_is_shown_to_who_asks_for_it() -> None:
    err = io.StringIO()
    run_command(["--version"], {"STYXY_LOG_LEVEL": "debug"}, out=BrokenStream(), err=err)
    assert "Traceback" in err.getvalue()


@pytest.mark.parametrize(
    ("program", "code", "word", "sentence"),
    [
        ("no-such-program", 127, "not_found", "no-such-program: command not found"),
        ("/etc/passwd", 126, "unavailable", "/etc/passwd: Permission denied"),
    ],
)
def test_a_program_that_cannot_be_run_is_one_document_where_that_is_asked_for(
    styxy: CommandLine, program: str, code: int, word: str, sentence: str
) -> None:
    words = ("--backend", "none", "--", program)
    done = styxy.run("run", "--json", *words)
    assert (done.returncode, done.stderr) == (code, "")
    body = json.loads(done.stdout)
    assert (body["success"], body["code"], body["error"]) == (False, word, sentence)
    plain = styxy.run("run", *words)
    assert (plain.returncode, plain.stdout, plain.stderr) == (code, "", f"styxy: {sentence}\n")


def test_a_complaint_is_one_line_whatever_it_quotes(styxy: CommandLine) -> None:
    done = styxy.run("run", "--backend", "none", "--", "a\nb\x1b[31m")
    assert (done.returncode, done.stderr) == (127, "styxy: a?b?[31m: command not found\n")


def test_an_endless_project_is_named_by_its_variable(tmp_path: Path) -> None:
    env = {"STYXY_HOME": str(tmp_path), "STYXY_PROJECT": "/" + "x" * 5000}
    code, out, err = run("allocate", "-s", "dev", "--no-start", **env)
    assert (code, out) == (2, "")
    assert err == "styxy: STYXY_PROJECT must be at most 4096 bytes, not 5001\n"
