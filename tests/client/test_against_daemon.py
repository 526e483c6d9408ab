"""Commands against a real daemon: leases come and go, and programs are run with them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.commands import COMMAND, LONGEST, CommandLine
from tests.daemon import wait_until
from tests.fakes import FakeDaemon


def leases(styxy: CommandLine, *filters: str) -> list[dict[str, object]]:
    found = styxy.json("list", *filters)["allocations"]
    assert isinstance(found, list)
    return found


def test_a_lease_comes_and_goes(attached: CommandLine) -> None:
    lease = attached.json("allocate", "-s", "dev", "-n", "web")
    port = str(lease["port"])
    assert attached.run("check", port).returncode == 1
    assert [each["lock_id"] for each in leases(attached)] == [lease["lock_id"]]
    assert attached.json("release", str(lease["lock_id"]))["port"] == lease["port"]
    assert attached.run("check", port).returncode == 0
    again = attached.run("release", str(lease["lock_id"]))
    assert (again.returncode, again.stdout) == (1, "")
    assert attached.json("release", str(lease["lock_id"]), code=1)["success"] is False


def test_a_lease_is_released_by_its_port(attached: CommandLine) -> None:
    first = attached.run("allocate", "-s", "api").stdout.splitlines()[0]
    attached.run("allocate", "-s", "api")
    assert attached.run("release", "--port", first).returncode == 0
    assert first not in [str(lease["port"]) for lease in leases(attached)]
    assert len(leases(attached)) == 1


def test_a_shell_takes_the_variable(attached: CommandLine) -> None:
    done = attached.run("allocate", "-s", "dev", "--env", "WEB_PORT")
    (lease,) = leases(attached)
    assert done.stdout == f"export WEB_PORT={lease['port']}\n"


def test_the_list_is_filtered(attached: CommandLine, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "package.json").write_text("{}")
        attached.run("allocate", "-s", "dev", cwd=tmp_path / name)
    attached.run("allocate", "-s", "api", "--instance", "agent", cwd=tmp_path / "one")
    assert len(leases(attached)) == 3
    assert len(leases(attached, "--service", "dev")) == 2
    assert len(leases(attached, "--project", str(tmp_path / "one"))) == 2
    assert [each["service_type"] for each in leases(attached, "--instance", "agent")] == ["api"]


def test_a_dry_run_changes_nothing(attached: CommandLine) -> None:
    assert attached.json("allocate", "-s", "dev", "--dry-run")["dry_run"] is True
    assert leases(attached) == []


def test_free_ports_are_suggested(attached: CommandLine) -> None:
    lines = attached.run("suggest", "api", "-c", "3").stdout.splitlines()
    assert len(lines) == 3
    assert attached.run("check", lines[0]).returncode == 0
    assert attached.json("reassignments")["reassignments"] == []


def test_what_a_command_lacks_is_named_as_it_is_typed(attached: CommandLine) -> None:
    done = attached.run("allocate", "-s", "dev", "--pid", "4194304")  # above PID_MAX_LIMIT, proc(5)
    assert (done.returncode, done.stderr) == (
        2,
        "styxy: pid 4194304 is not a running process; name one that is\n",
    )


def test_an_unknown_type_gets_ports_of_another_with_a_warning(attached: CommandLine) -> None:
    done = attached.run("suggest", "devv", "-c", "1")
    assert done.returncode == 0
    assert done.stderr == (
        "styxy: unknown service type 'devv', so these are free ports of dev; did you mean 'dev'?\n"
    )


def test_a_refusal_of_the_daemon_is_a_sentence(attached: CommandLine) -> None:
    done = attached.run("allocate", "-s", "dev", "-n", "no spaces")
    assert done.returncode == 2
    assert done.stderr.startswith("styxy: ")
    assert done.stderr.count("\n") == 1


def test_a_working_directory_that_is_gone_is_a_sentence(
    attached: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    text = f"rmdir ../gone; {' '.join(COMMAND)} allocate -s dev"
    done = subprocess.run(
        ["sh", "-c", text], env=attached.env, cwd=tmp_path / "gone", capture_output=True, text=True,
        timeout=LONGEST, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "working directory no longer exists" in done.stderr


def test_a_reader_who_has_enough_ends_it_in_silence(attached: CommandLine) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with subprocess.Popen(
        [*COMMAND, "list", "--json"], env=attached.env, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        _, err = process.communicate(timeout=LONGEST)
    assert (process.returncode, err) == (141, b"")


def test_a_closed_standard_output_is_told_by_the_exit_status(attached: CommandLine) -> None:
    words = " ".join([*COMMAND, "allocate", "-s", "dev", ">&-", "2>&-", "<&-"])
    done = subprocess.run(["sh", "-c", words], env=attached.env, timeout=LONGEST, check=False)
    assert done.returncode == 1
    assert len(leases(attached)) == 1


@pytest.mark.parametrize(
    ("program", "code"),
    [("exit 7", 7), ("kill -TERM $$", -signal.SIGTERM), ("true", 0)],
)
def test_exit_status_and_signals_pass_through(
    attached: CommandLine, program: str, code: int
) -> None:
    # A daemon that `run` starts may come up after this test, and nobody would end it.
    assert attached.run("run", "--", "sh", "-c", program).returncode == code


def test_options_of_the_program_are_its_own(styxy: CommandLine) -> None:
    done = styxy.run("run", "--no-start", "echo", "--json", "--", "-s", "--help")
    assert done.stdout == "--json -- -s --help\n"


def test_a_program_that_is_not_there_is_127(styxy: CommandLine, tmp_path: Path) -> None:
    done = styxy.run("run", "--no-start", "--", "no-such-program")
    assert (done.returncode, done.stdout) == (127, "")
    assert "no-such-program: command not found" in done.stderr
    (tmp_path / "plain").write_text("")
    assert styxy.run("run", "--no-start", "--", str(tmp_path / "plain")).returncode == 126


def test_a_script_without_a_first_line_runs_in_a_shell(styxy: CommandLine, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo from $0 with $1\n")
    script.chmod(0o755)
    done = styxy.run("run", "--no-start", "--", str(script), "x")
    assert done.stdout == f"from {script} with x\n"


def test_a_program_gets_a_lease_for_its_own_life(attached: CommandLine, tmp_path: Path) -> None:
    text = "echo $$ $PORT $STYXY_SERVICE_TYPE; read _"
    process = attached.start(
        "run", "-s", "api", "-n", "web", "--", "sh", "-c", text, cwd=tmp_path, stdin=subprocess.PIPE
    )
    assert process.stdout is not None
    pid, port, service_type = process.stdout.readline().split()
    assert service_type == "api"
    (lease,) = leases(attached)
    assert (str(lease["pid"]), str(lease["port"])) == (pid, port)
    assert lease["service_name"] == "web"
    process.communicate("\n", timeout=LONGEST)
    wait_until(lambda: not leases(attached))


def test_a_port_that_is_asked_for_has_the_type_of_its_range(attached: CommandLine) -> None:
    (port,) = attached.run("suggest", "storybook", "-c", "1").stdout.split()
    process = attached.start(
        "run", "-p", port, "--", "sh", "-c", "echo $PORT; read _", stdin=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == port
    assert [lease["service_type"] for lease in leases(attached)] == ["storybook"]
    process.communicate("\n", timeout=LONGEST)


def test_a_project_is_set_only_where_it_was_named(styxy: CommandLine, tmp_path: Path) -> None:
    show = ("--", "sh", "-c", "echo [$STYXY_PROJECT] [$PORT]")
    assert styxy.run("run", "--no-start", *show).stdout == "[] []\n"
    done = styxy.run("run", "--no-start", "--project", str(tmp_path), *show)
    assert done.stdout == f"[{tmp_path.resolve()}] []\n"


def test_the_program_finds_no_trace_of_the_interpreter(styxy: CommandLine) -> None:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        styxy.env.pop(name, None)
    program = "grep SigIgn /proc/self/status; env; ls /proc/$$/fd"
    plain = subprocess.run(
        ["sh", "-c", program], env=styxy.env, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    run = styxy.run("run", "--no-start", "--backend", "none", "--", "sh", "-c", program)
    assert run.stdout == plain.stdout


def test_without_a_daemon_a_program_runs_as_it_is(styxy: CommandLine) -> None:
    styxy.home.mkdir()
    (styxy.home / "start.lock").mkdir()  # nothing can be started here
    done = styxy.run("run", "-s", "dev", "-p", "3000", "--", "sh", "-c", "echo $PORT; exit 3")
    assert (done.returncode, done.stdout) == (3, "3000\n")
    assert "running without Styxy" in done.stderr


def test_the_daemon_is_no_child_of_the_program(styxy: CommandLine) -> None:
    program = "import os\ntry: os.wait()\nexcept ChildProcessError: print('no children')"
    done = styxy.run("run", "--", sys.executable, "-c", program)
    assert "no children" in done.stdout
    wait_until(lambda: styxy.run("list", "--no-start").returncode == 0)


def test_explain_names_the_switch_that_turns_interception_off(styxy: CommandLine) -> None:
    styxy.env["STYXY_DISABLE_REASSIGN"] = "yes"
    done = styxy.run("run", "--explain", "--", "true")
    assert done.stdout.startswith(
        "backend none: STYXY_DISABLE_REASSIGN=yes turns interception off\n"
    )


def test_explain_tells_which_backend_and_why(styxy: CommandLine) -> None:
    done = styxy.run("run", "--explain", "--backend", "none", "--", "echo", "x")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "backend none: requested with --backend\n"


def test_explain_runs_nothing_and_starts_nothing(styxy: CommandLine, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    done = styxy.run("run", "--explain", "-s", "dev", "--json", "--", "touch", str(trace))
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["backend"] == "preload"
    assert str(told["why"]).startswith("/")
    assert not trace.exists()
    assert styxy.daemon_pid() is None


def test_one_json_document_and_nothing_else(attached: CommandLine) -> None:
    for words in (
        ["allocate", "-s", "dev"],
        ["list", "-v"],
        ["check", "3000"],
        ["suggest", "dev"],
        ["reassignments"],
        ["daemon", "status"],
        ["release", "nothing"],
        ["check", "abc"],
        ["--version"],
    ):
        done = attached.run(*words, "--json")
        assert isinstance(json.loads(done.stdout), dict), words
        assert done.stderr == "", words


def test_an_interrupt_leaves_no_trace(styxy: CommandLine, tmp_path: Path) -> None:
    waits = threading.Event()
    with FakeDaemon(tmp_path / "s", lambda *_: waits.set()):
        styxy.env["STYXY_SOCKET"] = str(tmp_path / "s")
        process = styxy.start("list")
        assert waits.wait(LONGEST)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=LONGEST) == ("", "")
    assert process.returncode == 130
