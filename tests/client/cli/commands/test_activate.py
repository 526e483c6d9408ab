"""env: a real shell is activated, and says whether that works."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import COMMAND, CommandLine

ROOT = Path(__file__).parents[4]
STYXY = " ".join(COMMAND)
BIND = (
    "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])));"
    "print(s.getsockname()[1])"
)


def in_shell(styxy: CommandLine, text: str, *, shell: str = "bash") -> str:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    done = subprocess.run(
        [shell, "-c", text], env=styxy.env, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("shell", "activate"),
    [
        ("bash", f'eval "$({STYXY} env)"'),
        ("zsh", f'eval "$({STYXY} env)"'),
        ("sh", f'eval "$({STYXY} env)"; eval "$({STYXY} env)"'),
        ("fish", f"{STYXY} env --format fish | source"),
    ],
)
def test_an_activated_shell_moves_what_it_starts(
    styxy: CommandLine, shell: str, activate: str
) -> None:
    styxy.run("daemon", "start", "-d")
    styxy.env["STYXY_NOTIFY"] = "off"
    with socket.create_server(("127.0.0.1", 0)) as busy:
        asked = busy.getsockname()[1]
        bind = f'{sys.executable} -c "{BIND}" {asked}'
        out = in_shell(styxy, f"{activate}\n{bind}", shell=shell)
    assert int(out) != asked


def test_an_editor_learns_the_ports_of_this_project_alone(
    styxy: CommandLine, here: Path, elsewhere: Path
) -> None:
    styxy.run("allocate", "-s", "storybook", cwd=elsewhere)
    web = styxy.json("allocate", "-s", "dev", "-n", "web", "--project", str(here))["port"]
    store = styxy.json("allocate", "-s", "database", "--project", str(here))["port"]
    shown = styxy.run("env", "--format", "vscode", cwd=here)
    assert json.loads(shown.stdout) == {
        "remote.autoForwardPortsSource": "process",
        "remote.portsAttributes": {
            str(web): {"label": "web (dev)", "onAutoForward": "notify"},
            str(store): {"label": "database", "onAutoForward": "silent"},
        },
    }
    assert styxy.run("env", "--format", "vscode", "--off").returncode == 2


def test_an_editors_ports_are_the_daemons_to_tell(styxy: CommandLine) -> None:
    done = styxy.run("env", "--format", "vscode")
    assert (done.returncode, done.stdout) == (3, "")


def test_a_static_program_that_the_shell_starts_finds_its_supervisor_beside_the_library(
    styxy: CommandLine,
) -> None:
    library = in_shell(styxy, f'eval "$({STYXY} env)"; printf %s "$LD_PRELOAD"')
    assert os.access(Path(library).with_name("styxy-seccomp"), os.X_OK)


def test_nothing_is_started(styxy: CommandLine) -> None:
    out = in_shell(styxy, f'eval "$({STYXY} env)"; printenv LD_PRELOAD')
    assert out == f"{styxy.home}/lib/0.1.0/libstyxy.so\n"
    assert styxy.daemon_pid() is None


@pytest.mark.parametrize("shell", ["bash", "zsh", "sh"])
def test_the_script_of_a_checkout_activates(styxy: CommandLine, tmp_path: Path, shell: str) -> None:
    (tmp_path / "bin").mkdir()
    launcher = tmp_path / "bin" / "styxy"
    launcher.write_text(f'#!/bin/sh\nexec {STYXY} "$@"\n')
    launcher.chmod(0o755)
    styxy.env["PATH"] = f"{launcher.parent}:{styxy.env['PATH']}"
    text = f". {ROOT}/scripts/activate; printenv LD_PRELOAD; set | grep ^_styxy || true"
    assert in_shell(styxy, text, shell=shell) == f"{styxy.home}/lib/0.1.0/libstyxy.so\n"


def test_it_is_told_that_a_bind_is_moved(styxy: CommandLine) -> None:
    styxy.run("daemon", "start", "-d")
    told = styxy.json("env", "--check")
    assert (told["works"], told["active"], told["daemon"]) == (True, False, True)
    assert told["got"] not in (None, told["asked"])
    out = in_shell(styxy, f'eval "$({STYXY} env)"; {STYXY} env --check')
    assert out.endswith("and this shell is activated\n")


def test_without_a_daemon_nothing_is_moved_and_it_is_told_why(styxy: CommandLine) -> None:
    done = styxy.run("env", "--check")
    assert done.returncode == 1
    assert "the library works, but no daemon is running" in done.stdout
    assert styxy.daemon_pid() is None


def test_a_switch_that_is_off_is_named(styxy: CommandLine) -> None:
    styxy.env["STYXY_DISABLE_REASSIGN"] = "1"
    told = styxy.json("env", "--check", code=1)
    assert "STYXY_DISABLE_REASSIGN=1" in str(told["message"])


def test_a_home_that_no_preload_list_can_hold_is_a_sentence(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path / "my home")
    done = command_line.run("env")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("styxy: LD_PRELOAD cannot hold the path")
    assert command_line.json("env", "--check", code=1)["works"] is False


def test_bytes_that_are_no_text_are_passed_on_as_they_are(tmp_path: Path) -> None:
    home = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    command_line = CommandLine(Path(home))
    done = subprocess.run([*COMMAND, "env"], env=command_line.env, capture_output=True, check=True)
    assert os.fsencode(home) in done.stdout


def test_a_script_that_cannot_activate_says_so_and_fails(
    styxy: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "styxy").write_text("#!/bin/sh\necho 'styxy: no library' >&2; exit 1\n")
    (tmp_path / "styxy").chmod(0o755)
    env = {**styxy.env, "PATH": f"{tmp_path}:{styxy.env['PATH']}"}
    text = f". {ROOT}/scripts/activate; echo $?; set | grep ^_styxy"
    done = subprocess.run(["sh", "-c", text], env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "1\n"
    assert done.stderr == (
        "styxy: no library\nstyxy: interception is not on in this shell; see: styxy doctor\n"
    )


def test_a_terminal_is_told_that_its_shell_is_activated(styxy: CommandLine) -> None:
    ours, theirs = os.openpty()
    command = f'eval "$({STYXY} env)"'
    env = {**styxy.env, "NO_COLOR": "1"}
    subprocess.run(["sh", "-c", command], env=env, stderr=theirs, check=True)
    os.close(theirs)
    assert os.read(ours, 1000).startswith(b"styxy: interception is on in this shell")
    os.close(ours)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f'eval "$({STYXY} env)"', "interception is on in this shell"),
        (f'STYXY_DISABLE_REASSIGN=1; export STYXY_DISABLE_REASSIGN; eval "$({STYXY} env)"',
         "STYXY_DISABLE_REASSIGN=1 keeps interception off in this shell"),
        (f"{STYXY} env > activate.sh", ""),
        (f"{STYXY} env --format dotenv | cat", ""),
        (f"{STYXY} env --off > off.sh", ""),
    ],
)  # fmt: skip
def test_a_shell_is_said_to_be_on_or_off_only_where_it_is(
    styxy: CommandLine, tmp_path: Path, command: str, said: str
) -> None:
    ours, theirs = os.openpty()
    env = {**styxy.env, "NO_COLOR": "1"}
    subprocess.run(
        ["sh", "-c", command],
        env=env, cwd=tmp_path, stderr=theirs, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    os.write(theirs, b"end")
    os.close(theirs)
    shown = os.read(ours, 1000).decode()
    os.close(ours)
    assert (said in shown) if said else (shown == "end")


def test_a_variable_that_means_nothing_is_said_once(styxy: CommandLine) -> None:
    styxy.env["STYXY_DISABLE_REASSIGN"] = "maybe"
    for words in (["env"], ["run", "--no-start", "--", "true"]):
        done = styxy.run(*words)
        assert done.returncode == 0
        assert done.stderr == (
            "styxy: STYXY_DISABLE_REASSIGN must be 1 or 0, true or false, yes or no, on or off, "
            "not 'maybe'; correct or unset it\n"
        )


def test_a_type_that_does_not_exist_is_said(running: CommandLine) -> None:
    running.env["STYXY_SERVICE_TYPE"] = "nonesuch"
    done = running.run("run", "-n", "web", "--", "sh", "-c", "echo $PORT")
    assert (done.returncode, done.stdout) == (0, "3000\n")
    assert "STYXY_SERVICE_TYPE names no service type: 'nonesuch'" in done.stderr
