"""allocate, release, list: what they ask and what they print."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from styxy.client.cli.main import run_command
from tests.commands import CommandLine
from tests.fakes import FakeDaemon, clean_environment

LEASE = {"success": True, "port": 3001, "lock_id": "abc", "message": "Port 3001 it is"}
LEASES = {"allocations": [{"port": 3000, "lock_id": "a/b"}, {"port": 3001, "lock_id": "c"}]}


def answers(method: str, path: str, _body: object) -> tuple[int, Mapping[str, object]]:
    if method == "GET":
        return 200, LEASES
    return 200, LEASE if method == "POST" else {"message": "Port is free again"}


class Said:
    """What a command asked, printed and returned."""

    def __init__(self, tmp_path: Path, *words: str, **env: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        with FakeDaemon(tmp_path / "s", answers) as daemon:
            own = clean_environment(STYXY_SOCKET=str(tmp_path / "s"), **env)
            self.code = run_command(words, own, out=out, err=err)
        self.asked = daemon.asked
        self.out = out.getvalue()
        self.err = err.getvalue()

    @property
    def body(self) -> Mapping[str, object]:
        """The body of the one question."""
        ((_, _, body),) = self.asked
        assert isinstance(body, dict)
        return body


def test_allocate_prints_the_port_first(tmp_path: Path) -> None:
    said = Said(tmp_path, "allocate", "-s", "dev")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0] == "3001"


def test_allocate_names_type_and_project_and_nothing_that_was_not_said(tmp_path: Path) -> None:
    said = Said(tmp_path, "allocate", "-s", "dev", "--project", str(tmp_path))
    assert said.asked[0][:2] == ("POST", "/allocate")
    assert said.body == {"service_type": "dev", "project_path": str(tmp_path.resolve())}


@pytest.mark.parametrize(
    "words",
    [
        ["-s", "dev", "-p", "3001", "-n", "web", "--instance", "i"],
        ["--service-type", "dev", "--preferred", "3001", "--name", "web", "--instance-id", "i"],
        ["--service-type=dev", "--preferred=3001", "--service-name=web", "--instance-id=i"],
    ],
)
def test_every_spelling_of_an_option_means_the_same(tmp_path: Path, words: list[str]) -> None:
    body = dict(Said(tmp_path, "allocate", *words, "--pid", "7", "--dry-run", "--yes").body)
    del body["project_path"]
    assert body == {
        "service_type": "dev",
        "preferred_port": 3001,
        "service_name": "web",
        "reuse": True,
        "instance_id": "i",
        "pid": 7,
        "dry_run": True,
    }


@pytest.mark.parametrize(
    ("env", "instance"),
    [
        ({"STYXY_INSTANCE_ID": "a", "CLAUDE_INSTANCE_ID": "b"}, "a"),
        ({"CLAUDE_INSTANCE_ID": "b"}, "b"),
        ({}, None),
    ],
)
def test_an_agent_that_says_who_it_is_is_named(
    tmp_path: Path, env: dict[str, str], instance: str | None
) -> None:
    assert Said(tmp_path, "allocate", "-s", "dev", **env).body.get("instance_id") == instance


def test_a_project_in_the_environment_counts(tmp_path: Path) -> None:
    said = Said(tmp_path, "allocate", "-s", "dev", STYXY_PROJECT=str(tmp_path))
    assert said.body["project_path"] == str(tmp_path.resolve())


def test_allocate_prints_a_line_for_a_shell(tmp_path: Path) -> None:
    assert Said(tmp_path, "allocate", "-s", "dev", "--env", "WEB").out == "export WEB=3001\n"


@pytest.mark.parametrize("name", ["PATH", "HOME", "IFS", "LD_PRELOAD", "STYXY_HOME", "BASH_ENV"])
def test_a_variable_that_others_read_is_not_set_to_a_port(tmp_path: Path, name: str) -> None:
    said = Said(tmp_path, "allocate", "-s", "dev", "--env", name)
    assert (said.code, said.out, said.asked) == (2, "", [])


def test_release_names_the_lease(tmp_path: Path) -> None:
    said = Said(tmp_path, "release", "x y", STYXY_PROJECT=str(tmp_path))
    project = str(tmp_path.resolve()).replace("/", "%2F")
    assert said.asked == [("DELETE", f"/allocate/x%20y?project_path={project}", None)]
    assert (said.code, said.out) == (0, "Port is free again\n")


def test_release_of_a_port_finds_its_lease(tmp_path: Path) -> None:
    said = Said(tmp_path, "release", "--port", "3000")
    method, path, _ = said.asked[1]
    assert method == "DELETE"
    assert path.startswith("/allocate/a%2Fb?project_path=%2F")


def test_a_forced_release_asks_for_no_project(tmp_path: Path) -> None:
    said = Said(tmp_path, "release", "--port", "3000", "--force")
    assert said.asked[1] == ("DELETE", "/allocate/a%2Fb?force=true", None)


@pytest.mark.parametrize(
    ("words", "reuse"), [([], None), (["-n", "web"], True), (["-n", "web", "--new"], None)]
)
def test_a_named_lease_is_asked_for_again_unless_another_is_wanted(
    tmp_path: Path, words: list[str], reuse: bool | None
) -> None:
    assert Said(tmp_path, "allocate", "-s", "dev", *words).body.get("reuse") is reuse


def test_release_of_a_port_without_a_lease_is_not_found(tmp_path: Path) -> None:
    said = Said(tmp_path, "release", "--port", "3002")
    assert said.code == 1
    assert "3002 is not leased" in said.err
    assert len(said.asked) == 1


def test_list_filters_at_the_daemon(tmp_path: Path) -> None:
    said = Said(
        tmp_path, "list", "--service", "dev", "--project", str(tmp_path), "--instance", "a&b"
    )
    project = str(tmp_path.resolve()).replace("/", "%2F")
    query = f"service_type=dev&project={project}&instance_id=a%26b"
    assert said.asked == [("GET", f"/allocations?{query}", None)]
    assert said.out.splitlines()[0].startswith("PORT")


def test_list_without_filters_asks_for_all(tmp_path: Path) -> None:
    assert Said(tmp_path, "list", "-v").asked == [("GET", "/allocations", None)]


def test_a_list_of_what_does_not_exist_is_an_error(styxy: CommandLine, tmp_path: Path) -> None:
    said = "unknown service type 'databse'; did you mean 'database'?"
    done = styxy.run("list", "--service", "databse")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"styxy: {said}\n")
    told = styxy.json("list", "--service", "databse", code=1)
    assert (told["code"], told["error"]) == ("unknown_service_type", said)
    done = styxy.run("list", "--project", "gone/from/here")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "styxy: no such directory: 'gone/from/here', and no lease of it\n"
    for words in (["--service", "dev"], ["--project", str(tmp_path)]):
        done = styxy.run("list", *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, "no leases\n", "")


def test_the_leases_of_a_directory_that_is_gone_are_listed(
    running: CommandLine, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    assert running.run("allocate", "-s", "dev", "--project", str(project)).returncode == 0
    project.rmdir()
    done = running.run("list", "--project", str(project))
    assert (done.returncode, done.stderr) == (0, "")
    assert "3000" in done.stdout
