"""`styxy config`, with and without a daemon: the same words, the same file.

Also tests `range_import`, `configuration` and `config_text`.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.commands import COMMAND, LONGEST, CommandLine


def file_of(styxy: CommandLine) -> Path:
    """The configuration file of the home."""
    return styxy.home / "config.json"


def data_of(styxy: CommandLine) -> object:
    """What the file says."""
    return json.loads(file_of(styxy).read_text())


@pytest.fixture(params=["without a daemon", "with a daemon"])
def either(request: pytest.FixtureRequest, styxy: CommandLine) -> CommandLine:
    """A command line, once alone and once with a daemon that runs."""
    if request.param == "with a daemon":
        assert styxy.run("daemon", "start", "-d").returncode == 0
    return styxy


def test_show_tells_each_value_and_where_it_comes_from(either: CommandLine) -> None:
    either.run("config", "set", "auto-allocation.gap-size", "5")
    done = either.run("config", "show")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["auto_allocation.gap_size", "5", "config.json"] in lines
    assert ["listen_port", str(either.port), "STYXY_DAEMON_PORT"] in lines
    assert ["log_level", "info", "built-in"] in lines
    answer = either.json("config", "show")
    assert answer["origins"] == {
        "auto_allocation.gap_size": "config.json",
        "listen_port": "STYXY_DAEMON_PORT",
    }


def test_no_daemon_is_started_for_the_configuration(styxy: CommandLine) -> None:
    styxy.run("config", "show")
    styxy.run("config", "set", "enforce-ranges", "on")
    styxy.run("config", "instances")
    assert styxy.daemon_pid() is None
    assert data_of(styxy) == {"enforce_ranges": True}


def test_set_is_in_the_file_and_in_force(either: CommandLine) -> None:
    done = either.run("config", "set", "auto-allocation.require-confirmation", "true")
    assert done.returncode == 0
    assert data_of(either) == {"auto_allocation": {"require_confirmation": True}}
    auto = either.json("config", "show")["auto_allocation"]
    assert isinstance(auto, dict)
    assert auto["require_confirmation"] is True
    assert either.run("config", "set", "auto_allocation.require_confirmation", "--unset").stdout
    assert data_of(either) == {"auto_allocation": {}}


def test_a_rule_is_set_by_its_pattern(either: CommandLine) -> None:
    words = ["config", "set", "auto-allocation-rule", "x-*", "--chunk-size", "20"]
    done = either.run(*words, "--preferred-range", "9000", "--placement", "smart")
    assert done.returncode == 0, done
    rule = {"chunk_size": 20, "placement": "smart", "preferred_range_start": 9000}
    assert data_of(either) == {"auto_allocation_rules": {"x-*": rule}}
    assert either.run("config", "set", "auto-allocation-rule", "x-*", "--unset").returncode == 0
    assert data_of(either) == {"auto_allocation_rules": {}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["auto-alocation.enabled", "1"], "did you mean 'auto_allocation.enabled'"),
        (["auto-allocation.gap-size", "lots"], "auto_allocation.gap_size must be"),
        (["service-types.x.range", "3000-3010"], "overlaps dev"),
        (["listen-port"], "give a value, or --unset"),
        (["auto-allocation-rule", "x-*"], "give --chunk-size"),
        (["auto-allocation-rule"], "name the pattern"),
        (["auto-allocation", "true"], "holds settings"),
    ],
)
def test_what_cannot_be_set_is_said_and_changes_nothing(
    either: CommandLine, words: list[str], said: str
) -> None:
    done = either.run("config", "set", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not file_of(either).exists()


def test_a_change_to_a_file_that_stays_out_of_order_says_that_it_is_not_in_force(
    either: CommandLine,
) -> None:
    either.home.mkdir(exist_ok=True)
    file_of(either).write_text('{"listen_prot": 1, "gap": 2}')
    done = either.run("config", "set", "enforce-ranges", "true")
    assert done.returncode == 0
    assert "takes effect once it is valid; see: styxy config validate" in done.stdout
    assert either.json("config", "show")["enforce_ranges"] is False


def test_validate_names_the_file_and_the_key_of_each_problem(styxy: CommandLine) -> None:
    assert styxy.run("config", "validate").returncode == 0
    styxy.home.mkdir()
    file_of(styxy).write_text('{\n "listen_prot": 1,\n "service_types": {"x": {}}\n}')
    done = styxy.run("config", "validate")
    assert done.returncode == 1
    path = file_of(styxy)
    assert done.stdout.splitlines() == [
        f"{path}: listen_prot is unknown; did you mean 'listen_port'?",
        f"{path}: service_types.x is a new service type and needs a range",
    ]
    body = styxy.json("config", "validate", code=1)
    assert body["valid"] is False
    assert body["problems"] == [
        {
            "key": "listen_prot",
            "message": "listen_prot is unknown; did you mean 'listen_port'?",
            "file": str(path),
            "line": None,
            "column": None,
        },
        {
            "key": "service_types.x",
            "message": "service_types.x is a new service type and needs a range",
            "file": str(path),
            "line": None,
            "column": None,
        },
    ]


def test_validate_names_the_line_of_what_is_not_json(styxy: CommandLine) -> None:
    styxy.home.mkdir()
    file_of(styxy).write_text('{\n "listen_port" 9876\n}')
    assert styxy.run("config", "validate").stdout == (
        f"{file_of(styxy)}:2:16: expecting ':' delimiter\n"
    )
    problems = styxy.json("config", "validate", code=1)["problems"]
    assert problems == [
        {
            "key": "",
            "message": "expecting ':' delimiter",
            "file": str(file_of(styxy)),
            "line": 2,
            "column": 16,
        }
    ]


def test_validate_looks_at_another_file(styxy: CommandLine, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"cleanup_interval": 5}')
    assert styxy.run("config", "validate", str(other)).stdout == f"{other} is valid\n"
    assert styxy.run("config", "validate", str(tmp_path / "none.json")).returncode == 1


def test_generate_writes_what_is_in_order_and_nothing_over_a_file(styxy: CommandLine) -> None:
    assert styxy.run("config", "generate").returncode == 0
    assert styxy.run("config", "validate").returncode == 0
    assert file_of(styxy).stat().st_mode & 0o777 == 0o600
    again = styxy.run("config", "generate")
    assert again.returncode == 1
    assert "--force" in again.stderr
    forced = styxy.json("config", "generate", "--force")
    assert Path(str(forced["copy"])).read_text() == file_of(styxy).read_text()
    printed = styxy.run("config", "generate", "-o", "-")
    assert json.loads(printed.stdout) == data_of(styxy)


def test_import_takes_a_table_over(either: CommandLine, tmp_path: Path) -> None:
    table = tmp_path / "PORTS.md"
    table.write_text(
        "| type | range | for |\n|---|---|---|\n"
        "| `queue` | 9700\u20139710 | jobs |\n| dev | 3000-3099 | |\n"
    )
    done = either.run("config", "import", str(table), "--dry-run")
    assert done.returncode == 0, done
    assert ["queue", "9700-9710", "new"] in [line.split() for line in done.stdout.splitlines()]
    assert not file_of(either).exists()
    body = either.json("config", "import", str(table))
    assert (body["added"], body["unchanged"], body["changed"]) == (["queue"], ["dev"], True)
    assert data_of(either) == {
        "service_types": {"queue": {"range": [9700, 9710], "description": "jobs"}}
    }
    assert either.json("config", "import", str(table))["changed"] is False


def test_a_table_may_come_from_a_pipe(styxy: CommandLine) -> None:
    words = ("config", "import", "/dev/stdin", "--dry-run")
    with styxy.start(*words, stdin=subprocess.PIPE) as process:
        table = "| type | range |\n|---|---|\n| queue | 9700-9710 |\n"
        out, err = process.communicate(table, timeout=LONGEST)
    assert (process.returncode, err) == (0, "")
    assert "queue" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# nothing", "has no table"),
        ("| type | range |\n|---|---|\n| x | 3000-3010 |\n", "overlaps dev"),
        ("| type | range |\n|---|---|\n| x | much |\n", "line 3: 'much' is no range"),
        (
            "| type | range |\n|---|---|\n| x | 2000 |\n| x | 2001 |\n",
            "line 4: x is already in line 3",
        ),
    ],
)
def test_a_table_that_cannot_be_taken_over_changes_nothing(
    styxy: CommandLine, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "PORTS.md").write_text(text)
    done = styxy.run("config", "import", str(tmp_path / "PORTS.md"))
    assert done.returncode == 2
    assert said in done.stderr
    assert not file_of(styxy).exists()


def test_what_document_writes_import_reads(styxy: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "PORTS.md"
    path.write_text("# Ours\n")
    styxy.run("config", "set", "service-types.queue.range", "9700-9710")
    assert styxy.run("config", "document", "PORTS.md", cwd=tmp_path).returncode == 0
    assert path.read_text().startswith("# Ours\n\n<!-- styxy:ports:begin")
    body = styxy.json("config", "import", str(path))
    unchanged = body["unchanged"]
    assert isinstance(unchanged, list)
    assert len(unchanged) == 18
    assert "9700-9710" in styxy.run("config", "document").stdout
    assert styxy.json("config", "document", str(path))["changed"] is False


def test_instances_shows_the_templates(styxy: CommandLine) -> None:
    lines = [line.split() for line in styxy.run("config", "instances").stdout.splitlines()]
    assert lines[0][:3] == ["TYPE", "MAIN", "(+0)"]
    assert ["functions", "5001", "5002", "5003", "5004"] in lines
    templates = styxy.json("config", "instances")["instance_templates"]
    assert isinstance(templates, dict)
    assert templates["features"]["offset"] == 3


def test_a_path_is_relative_to_where_it_was_typed(styxy: CommandLine, tmp_path: Path) -> None:
    assert styxy.run("config", "set", "port-document", "P.md", cwd=tmp_path).returncode == 0
    assert data_of(styxy) == {"port_document": str(tmp_path / "P.md")}
    styxy.run("config", "set", "port-document", "null", cwd=tmp_path)
    assert data_of(styxy) == {}


def test_the_file_moves_the_daemon_to_another_port(styxy: CommandLine) -> None:
    port = styxy.port
    del styxy.env["STYXY_DAEMON_PORT"]
    assert styxy.run("config", "set", "listen-port", str(port)).returncode == 0
    assert styxy.run("daemon", "start", "-d").returncode == 0
    assert json.loads((styxy.home / "daemon.json").read_text())["port"] == port


def test_a_program_that_names_a_port_gets_a_lease_of_the_users_own_type(
    styxy: CommandLine,
) -> None:
    styxy.run("config", "set", "service-types.queue.range", "9700-9710")
    styxy.run("daemon", "start", "-d")  # `run` waits for one that starts a second and no longer
    listing = [*COMMAND, "list", "--json"]
    done = styxy.run("run", "-p", "9705", "--backend", "none", "--", *listing)
    (lease,) = json.loads(done.stdout)["allocations"]
    assert (lease["port"], lease["service_type"]) == (9705, "queue")


@pytest.mark.parametrize("with_daemon", [True, False])
def test_get_shows_one_value(styxy: CommandLine, with_daemon: bool) -> None:
    if with_daemon:
        assert styxy.run("daemon", "start", "-d").returncode == 0
    del styxy.env["STYXY_DAEMON_PORT"]
    assert styxy.run("config", "set", "auto-allocation.gap-size", "20").returncode == 0
    for key, value in (
        ("auto-allocation.gap-size", "20"),
        ("log_level", "info"),
        ("service-types.dev.range", "[3000, 3099]"),
        ("port-document", "null"),
    ):
        done = styxy.run("config", "get", key)
        assert (done.returncode, done.stdout) == (0, f"{value}\n"), done
    assert (
        styxy.run("config", "set", "recovery.health-monitoring.unused-ttl", "31536000").returncode
        == 0
    )
    assert (
        styxy.run("config", "get", "recovery.health-monitoring.unused-ttl").stdout == "31536000\n"
    )
    assert " 31536000 " in styxy.run("config", "show").stdout
    told = styxy.json("config", "get", "autoAllocation.gapSize")
    assert (told["key"], told["value"]) == ("auto_allocation.gap_size", 20)
    assert str(told["from"]) != "built-in"
    assert styxy.run("config", "get", "service-types.nosuch.range").returncode == 1
    wrong = styxy.run("config", "get", "listen-prot")
    assert wrong.returncode == 2
    assert "did you mean 'listen_port'?" in wrong.stderr
