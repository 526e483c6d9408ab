"""The command line where nothing is as it should be: outputs, locales, homes, directories."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import COMMAND, LONGEST, CommandLine
from tests.programs.terminal import terminal

NARROW = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A locale that knows ASCII alone, with the interpreter's own help for it switched off."""

REPORTS = [
    "list", "scan", "instances", "suggest dev", "check 3000", "audit", "reassignments", "cleanup",
    "doctor", "who 3000", "env", "env --check", "config show", "config validate",
    "config instances", "config document", "config auto-allocation status",
    "config auto-allocation list", "config generate -o -", "daemon status", "daemon logs",
    "completion zsh", "allocate -s dev --dry-run", "allocate -s dev --env X",
]  # fmt: skip

REFUSALS = [
    "check abc", "check 70000", "who abc", "list extra", "use ai", "release zzz",
    "release --port 3999", "suggest", "scan -s 9 -e 3", "audit --since yesterday", "env --format x",
    "completion tcsh", "config import /nowhere.md", "config set a b", "config undo-auto", "run",
    "daemon frobnicate", "chek 1", "--frobnicate", "allocate -s dev --project /nowhere",
    "allocate -s a_b", "allocate -s dev -n a/b", "allocate -s dev --pid 99999999", "release a/b",
    "use dev", "use zork", "audit --event zork", "audit -n 5000", "suggest dev -c 5000",
    "config zork", "config set listen-port 1e999", "config set zork 1", "list --frobnicate",
    "config auto-allocation undo", "config auto-allocation undo dev", "config undo-auto zork",
    "daemon start -p 80", "daemon start -d -p 80", "daemon restart -p 80",
    "run --backend magic",
]  # fmt: skip


def run_with(
    styxy: CommandLine, words: str, *, stdout: int | None = subprocess.PIPE, **env: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *words.split()],
        env={**styxy.env, **env},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=LONGEST,
    )


@pytest.mark.parametrize(
    "form", ["{} --json", pytest.param("--json {} --no-start", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("group", [REPORTS, REFUSALS], ids=["reports", "refusals"])
def test_json_is_one_document_for_every_report_and_every_refusal(
    attached: CommandLine, group: list[str], form: str
) -> None:
    for words in group:
        spelled = form.format(words)
        done = run_with(attached, spelled)
        assert json.loads(done.stdout) is not None, spelled
        assert done.stdout.count(b"\n") >= 1
        assert done.stderr == b"", spelled
        if words in REFUSALS:
            assert done.returncode in (1, 2), spelled
            assert json.loads(done.stdout)["success"] is False


def test_without_a_daemon_each_says_so_with_exit_3_or_needs_none(styxy: CommandLine) -> None:
    for words in REPORTS:
        done = run_with(styxy, f"{words} --no-start --json")
        document = json.loads(done.stdout)
        assert (done.returncode == 3) == (document.get("code") == "daemon_unreachable"), words
    assert styxy.daemon_pid() is None


@pytest.mark.parametrize(
    "words", ["list", "list --json", "--help", "list --help", "completion zsh"]
)
def test_a_full_disk_behind_the_output_is_a_sentence(attached: CommandLine, words: str) -> None:
    with open("/dev/full", "wb") as full:
        done = run_with(attached, words, stdout=full.fileno())
    assert (done.returncode, done.stderr) == (
        1,
        b"styxy: cannot write to standard output: No space left on device\n",
    )


def with_closed_output(styxy: CommandLine, words: str) -> subprocess.CompletedProcess[bytes]:
    shell = " ".join([*COMMAND, words, ">&-"])
    return subprocess.run(
        ["sh", "-c", shell], env=styxy.env, stderr=subprocess.PIPE, timeout=LONGEST
    )


@pytest.mark.parametrize(
    "words",
    ["list", "types", "list --json", "check 3000", "env", "--help", "list --help", "doctor",
     "daemon logs", "--version", "completion bash"],
)  # fmt: skip
def test_a_closed_output_is_a_sentence(attached: CommandLine, words: str) -> None:
    done = with_closed_output(attached, words)
    assert (done.returncode, done.stderr) == (
        1,
        b"styxy: cannot write to standard output: Bad file descriptor\n",
    )


def test_what_prints_nothing_needs_no_output(attached: CommandLine) -> None:
    done = with_closed_output(attached, "run -- true")
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_who_has_enough_ends_it_in_silence(styxy: CommandLine) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run_with(styxy, "completion zsh", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


COLOUR = "\x1b"
SHOWN = ("list", "check 3000", "who 3000", "doctor", "audit", "--help", "list --help", "chek 1")


def test_there_is_no_colour_in_a_pipe(attached: CommandLine) -> None:
    for words in SHOWN:
        done = run_with(attached, words, TERM="xterm-256color")
        assert COLOUR.encode() not in done.stdout + done.stderr, words


def test_there_is_no_colour_for_who_wants_none(attached: CommandLine) -> None:
    env = {**attached.env, "TERM": "xterm-256color", "NO_COLOR": "1"}
    for words in SHOWN:
        with terminal() as screen:
            command = [*COMMAND, *words.split()]
            with subprocess.Popen(command, env=env, stdout=screen.theirs, stderr=screen.theirs):
                screen.hang_up()
            assert not [line for line in screen.lines if COLOUR in line], words


LOUD = """
import socket, sys
open("/proc/self/comm", "wb").write(b"\\x1b[31m\\n\\xff")
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_what_a_server_calls_itself_is_no_command_to_a_terminal(attached: CommandLine) -> None:
    words, pipe = [sys.executable, "-IS", "-c", LOUD], subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        port = process.stdout.readline().strip()
        for words in (["who", port], ["check", port], ["wait", port], ["scan"]):
            done = run_with(attached, " ".join(words))
            assert done.stderr == b""
            assert b"?[31m??" in done.stdout, words
            assert COLOUR.encode() not in done.stdout, words
        process.stdin.close()


@pytest.fixture(params=["text", "bytes"])
def strange(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory whose name is no ASCII, or no text at all."""
    name = "ünï".encode() if request.param == "text" else b"b\xff"
    directory = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    directory.mkdir()
    return directory


@pytest.mark.parametrize("locale", [{}, NARROW], ids=["usual", "narrow"])
def test_a_project_may_have_any_name_in_any_locale(
    attached: CommandLine, strange: Path, locale: dict[str, str]
) -> None:
    attached.env.update(locale)
    lease = attached.run("allocate", "-s", "dev", cwd=strange)
    assert lease.returncode == 0, lease.stderr
    listed = subprocess.run(
        [*COMMAND, "list", "--project", ".", "--json"],
        env=attached.env,
        cwd=strange,
        capture_output=True,
        check=True,
    )
    (found,) = json.loads(listed.stdout)["allocations"]
    assert os.fsencode(found["project_path"]) == os.fsencode(strange)
    for words in ("list", "who 3000", "check 3000"):
        done = attached.run(*words.split(), cwd=strange)
        assert "inside" not in done.stderr, done.stderr


GONE = [
    ("list", 0), ("check 3000", 0), ("who 3000", 1), ("env", 0), ("doctor", 0), ("run -- true", 0),
    ("config show", 0), ("allocate -s dev --project /", 0), ("allocate -s dev", 2),
    ("list --project .", 2), ("config validate x", 2), ("config document x.md", 2),
    ("config generate -o x", 2), ("daemon restart", 0),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code"), GONE)
def test_a_directory_that_is_gone_matters_only_where_it_is_needed(
    attached: CommandLine, tmp_path: Path, words: str, code: int
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    text = f'cd "{gone}" && rmdir "{gone}" && exec {" ".join(COMMAND)} {words}'
    done = subprocess.run(
        ["sh", "-c", text], env=attached.env, capture_output=True, text=True, timeout=LONGEST
    )
    assert done.returncode == code, done.stderr
    if code == 2:
        assert "the working directory no longer exists" in done.stderr


@pytest.mark.parametrize("home", ["a file", "below a file", "a link to nowhere"])
def test_a_home_that_is_none_keeps_no_program_from_running(tmp_path: Path, home: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("/nowhere/at/all")
    paths = {"a file": "file", "below a file": "file/home", "a link to nowhere": "link"}
    styxy = CommandLine(tmp_path / paths[home])
    done = styxy.run("run", "--", sys.executable, "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    for words in ("list", "env", "config show", "daemon stop", "daemon start -d", "who 3000"):
        done = styxy.run(*words.split())
        assert "inside" not in done.stderr, done.stderr
        assert done.stderr.count("\n") <= 1
    assert styxy.run("doctor").returncode == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user here")
@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_a_home_that_may_not_be_used_keeps_no_program_from_running(
    tmp_path: Path, mode: int
) -> None:
    # As root every mode is good enough, so: without root's right to pass over modes.
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    home.chmod(mode)
    styxy = CommandLine(home)
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    for words in ("run -- true", "env", "list", "doctor", "config show", "who 3000"):
        done = subprocess.run(
            [*drop, *COMMAND, *words.split()],
            env=styxy.env,
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        assert "inside" not in done.stderr, done.stderr
        assert done.returncode == 0 or words != "run -- true"
    home.chmod(0o700)


@pytest.mark.parametrize("home", [None, "", "missing"])
def test_a_user_without_a_home_gets_sentences(
    styxy: CommandLine, tmp_path: Path, home: str | None
) -> None:
    del styxy.env["STYXY_HOME"]
    del styxy.env["HOME"]
    if home is not None:
        styxy.env["HOME"] = home and str(tmp_path / home)
    for words in ("list --no-start", "config validate", "daemon status", "who 3000 --no-start"):
        done = styxy.run(*words.split())
        assert "inside" not in done.stderr, done.stderr


def test_a_long_answer_is_not_cut(running: CommandLine) -> None:
    body = json.dumps({"service_types": {"wide": {"range": [20000, 29999]}}})
    (running.home / "config.json").write_text(body)
    running.run("daemon", "restart")
    ports = running.json("suggest", "wide", "-c", "1000")["suggestions"]
    assert isinstance(ports, list)
    assert len(ports) == 1000
    with subprocess.Popen(
        [*COMMAND, "scan", "--json"], env=running.env, stdout=subprocess.PIPE
    ) as scan:
        assert scan.stdout is not None
        assert json.loads(scan.stdout.read())["scan_range"] == "1-65535"
