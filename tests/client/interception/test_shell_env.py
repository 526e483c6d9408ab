"""The variables of an activated shell, read back by real shells."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.client.interception.shell_env import (
    EDITOR_PORTS,
    EDITOR_SOURCE,
    as_dotenv,
    as_fish,
    as_json,
    as_sh,
    editor_settings,
    meaningless,
    variables,
)

NASTY = '/tmp/it\'s "my" $HOME `x` \\ back\nline; rm -rf ä'


def test_what_is_preloaded_is_kept_and_ours_is_there_once() -> None:
    env = {"LD_PRELOAD": "/a.so:/old/libstyxy.so", "HOME": "/h"}
    assert variables(env, "/l/libstyxy.so") == {"LD_PRELOAD": "/a.so:/l/libstyxy.so"}


def test_an_unusual_home_and_socket_go_along_as_absolute_paths() -> None:
    env = {"STYXY_HOME": "mine", "STYXY_SOCKET": "s"}
    here = Path.cwd()
    assert variables(env, "/l.so") == {
        "LD_PRELOAD": "/l.so",
        "STYXY_HOME": str(here / "mine"),
        "STYXY_SOCKET": str(here / "s"),
    }


def test_the_usual_home_needs_no_variable() -> None:
    usual = str(Path("~/.styxy").expanduser())
    assert variables({"STYXY_HOME": usual}, "/l.so") == {"LD_PRELOAD": "/l.so"}


@pytest.mark.parametrize(
    ("shell", "spell"),
    [("sh", as_sh), ("bash", as_sh), ("zsh", as_sh), ("dash", as_sh), ("fish", as_fish)],
)
def test_a_shell_reads_the_very_value(shell: str, spell: object) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    assert callable(spell)
    text = f"{spell({'STYXY_HOME': NASTY})}printenv STYXY_HOME"
    done = subprocess.run([shell, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == NASTY + "\n"


def test_json_is_one_object() -> None:
    assert json.loads(as_json({"A": NASTY})) == {"A": NASTY}


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("/a/b.so:/c", "/a/b.so:/c"),
        ("/my home", "'/my home'"),
        ("/it's $x", '"/it\'s \\$x"'),
        ("a\nb", '"a\\nb"'),
    ],
)
def test_a_line_of_dotenv_is_quoted_only_where_it_must_be(value: str, spelled: str) -> None:
    assert as_dotenv({"A": value}) == f"A={spelled}\n"


@pytest.mark.parametrize(
    ("name", "path", "reason"),
    [
        ("STYXY_PROJECT", "gone", "is not a directory"),
        ("STYXY_PROJECT", "file", "is not a directory"),
        ("STYXY_REASSIGNMENT_LOG", "gone/log", "is in a directory that does not exist"),
        ("STYXY_REASSIGNMENT_LOG", ".", "is not a regular file"),
        ("STYXY_REASSIGNMENT_LOG", "link", "is a link, and the log is never written through one"),
    ],
)
def test_a_path_that_is_of_no_use_is_named(
    tmp_path: Path, name: str, path: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    env = {name: str(tmp_path / path)}
    (said,) = meaningless(env, Paths(env))
    assert said.startswith(f"{name} is of no use: '/")
    assert said.endswith(f"' {reason}; correct or unset it")


@pytest.mark.parametrize("log", ["file", "not-yet", "/dev/null"])
def test_a_path_that_is_of_use_is_not_named(tmp_path: Path, log: str) -> None:
    (tmp_path / "file").touch()
    env = {"STYXY_PROJECT": str(tmp_path), "STYXY_REASSIGNMENT_LOG": str(tmp_path / log)}
    assert meaningless(env, Paths(env)) == []


@pytest.mark.parametrize(
    ("kind", "name", "label", "forwarding"),
    [
        ("dev", "web", "web (dev)", "notify"),
        ("dev", None, "dev", "notify"),
        ("dev", "dev", "dev", "notify"),
        ("api", "unnamed-service", "api", "notify"),
        ("infrastructure", "cache", "cache (infrastructure)", "silent"),
    ],
)
def test_a_port_is_named_after_what_stands_there(
    kind: str, name: str | None, label: str, forwarding: str
) -> None:
    lease = {"port": 3000, "service_type": kind, "service_name": name}
    found = editor_settings({"allocations": [lease]})[EDITOR_PORTS]
    assert found == {"3000": {"label": label, "onAutoForward": forwarding}}


def test_ports_are_in_their_order_and_none_is_none() -> None:
    leases = [{"port": port, "service_type": "dev", "service_name": None} for port in (10000, 3000)]
    assert str(editor_settings({"allocations": leases})[EDITOR_PORTS]).index("3000'") < 10
    assert editor_settings({}) == {EDITOR_SOURCE: "process", EDITOR_PORTS: {}}
