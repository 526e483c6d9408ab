"""Which backend a command is given, and what is said of it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from styxy.client.interception.backend import clears_environment
from tests.commands import COMMAND, LONGEST, CommandLine
from tests.native.guest import compiled, library
from tests.native.supervised import needs_seccomp, static

NOTHING = "int main(void) { return 7; }"


@pytest.mark.parametrize(
    ("words", "clears"),
    [
        (["env", "-i", "server"], True),
        (["/usr/bin/env", "-", "server"], True),
        (["env", "--ignore-environment", "server"], True),
        (["env", "-vi", "A=1", "server"], True),
        (["env", "A=1", "server", "-i"], False),
        (["env", "server", "-i"], False),
        (["env"], False),
        (["server", "-i"], False),
    ],
)
def test_env_is_known_to_clear_the_environment(words: list[str], *, clears: bool) -> None:
    assert clears_environment(words) == clears


def explained(styxy: CommandLine, *words: str | Path) -> tuple[int, list[str]]:
    """Explain a program, then run it: its exit status, and what was explained, line by line."""
    done = styxy.run("run", "--no-start", "--explain", "--", *map(str, words))
    assert (done.returncode, done.stderr) == (0, "")
    ran = styxy.run("run", "--no-start", "--", *map(str, words))
    return ran.returncode, done.stdout.splitlines()


def test_a_dynamic_program_gets_the_library(styxy: CommandLine) -> None:
    program = compiled(NOTHING)
    code, said = explained(styxy, program)
    assert code == 7
    assert said[0].startswith(f"backend preload: {program} calls libc, where ")
    assert said[1].startswith("not covered: ")


OWN_DEFAULTS = """
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }
int main(void) { return 7; }
"""


@needs_seccomp
@pytest.mark.parametrize("shell", ["plain", "activated"])
def test_a_sanitizer_that_bears_no_library_gets_none(styxy: CommandLine, shell: str) -> None:
    program = compiled(OWN_DEFAULTS, "-fsanitize=address")
    if shell == "activated":
        styxy.env["LD_PRELOAD"] = str(library())
        assert subprocess.run([program], env=styxy.env, capture_output=True).returncode != 7
    code, said = explained(styxy, program)
    assert code == 7
    reason = "has an address sanitizer that does not tolerate a preloaded library"
    assert said[0] == f"backend seccomp: {program} {reason}"
    with_ours_alone = compiled(NOTHING, "-fsanitize=address")
    code, said = explained(styxy, with_ours_alone)
    assert code == 7
    assert said[0].startswith("backend preload: ")


@needs_seccomp
def test_php_gets_a_supervisor_instead_of_the_library(styxy: CommandLine, tmp_path: Path) -> None:
    text = """
        #include <stdlib.h>
        int main(void) { return getenv("LD_PRELOAD") != NULL ? 9 : 7; }
    """
    program = tmp_path / "php8.2"
    shutil.copy(compiled(text), program)
    code, said = explained(styxy, program)
    assert (code, said[0]) == (
        7,
        f"backend seccomp: {program} has extensions whose calls no preloaded library sees",
    )
    done = styxy.run("run", "--no-start", "--backend", "preload", "--", str(program))
    assert done.returncode == 9
    assert f"{program} has extensions whose calls" in done.stderr


@needs_seccomp
def test_what_leaves_root_gets_a_supervisor_of_roots(styxy: CommandLine, tmp_path: Path) -> None:
    program = tmp_path / "mosquitto"
    shutil.copy(compiled(NOTHING), program)
    code, said = explained(styxy, program)
    assert code == 7
    if os.geteuid() == 0:
        why = "becomes another user before it binds, who may not ask the daemon"
        assert said[0] == f"backend seccomp: {program} {why}"
    else:
        assert said[0].startswith("backend preload: ")


@needs_seccomp
def test_a_static_program_gets_a_supervisor(styxy: CommandLine) -> None:
    program = static(NOTHING)
    code, said = explained(styxy, program)
    assert code == 7
    assert said[0] == f"backend seccomp: {program} is statically linked"
    assert said[1].startswith("not covered: ")


@needs_seccomp
@pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no unshare here")
@pytest.mark.parametrize("is_root", [True, False])
def test_whoever_loses_sudo_by_it_is_told(styxy: CommandLine, *, is_root: bool) -> None:
    # Who is not root in a namespace of users of its own needs no other user's interpreter.
    become = ["unshare", "--user", f"--map-user={0 if is_root else 1000}"]
    if subprocess.run([*become, "true"], capture_output=True).returncode:
        pytest.skip("user namespaces are not allowed here")
    words = [*COMMAND, "run", "--no-start", "--explain", "--", str(static(NOTHING))]
    done = subprocess.run(
        [*become, *words], env=styxy.env, capture_output=True, text=True, timeout=LONGEST
    )
    assert done.returncode == 0
    assert ("not covered: sudo does not work inside" in done.stdout) == (not is_root)


@needs_seccomp
def test_a_script_of_a_static_interpreter_gets_a_supervisor(
    styxy: CommandLine, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!{static(NOTHING)}\n")
    script.chmod(0o755)
    code, said = explained(styxy, script)
    assert (code, said[0]) == (7, f"backend seccomp: {script} is statically linked")


@needs_seccomp
def test_a_program_in_a_cleared_environment_gets_a_supervisor(styxy: CommandLine) -> None:
    code, said = explained(styxy, "env", "-i", compiled(NOTHING))
    assert (code, said[0]) == (7, "backend seccomp: env clears the environment")


def test_what_neither_way_covers_is_said_unasked(styxy: CommandLine, tmp_path: Path) -> None:
    program = tmp_path / "setuid"
    shutil.copy(compiled(NOTHING), program)
    program.chmod(0o755 | stat.S_ISUID)
    done = styxy.run("run", "--no-start", "--", str(program))
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr == (
        f"styxy: {program} runs with privileges other than yours (setuid or capabilities): "
        "its ports are not moved\n"
    )


def test_of_a_program_that_is_covered_nothing_is_said_unasked(styxy: CommandLine) -> None:
    done = styxy.run("run", "--no-start", "--", sys.executable, "-c", "")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_is_claimed_of_a_program_that_is_not_there(styxy: CommandLine) -> None:
    code, said = explained(styxy, "no-such-program")
    assert (code, said[0]) == (127, "backend preload: no-such-program was not found")
