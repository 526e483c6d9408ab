"""Where files lie: one home, one set of paths, short enough for a socket."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from styxy.adapters.paths import SUN_PATH_LIMIT, Paths, home_hash


def test_the_home_is_the_users_unless_named() -> None:
    assert Paths({}).home == os.path.expanduser("~/.styxy")
    assert Paths({"STYXY_HOME": ""}).home == os.path.expanduser("~/.styxy")
    assert Paths({"STYXY_HOME": "/srv/x/../styxy/"}).home == "/srv/styxy"
    assert Paths({"STYXY_HOME": "here"}).home == os.path.abspath("here")
    assert Paths({"STYXY_SOCKET": "s"}).socket_override == os.path.abspath("s")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_user_without_a_home_is_told_to_name_one() -> None:
    # Another process: HOME, and who the user is, belong to the process.
    program = (
        "import os\nfrom styxy.adapters.paths import Paths\n"
        "os.environ.pop('HOME', None)\nos.setuid(54321)\nPaths({})"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True)
    assert "your home directory is unknown; set STYXY_HOME" in done.stderr


def test_everything_that_stays_lies_in_the_home() -> None:
    paths = Paths({"STYXY_HOME": "/srv/styxy"})
    assert paths.daemon_file == "/srv/styxy/daemon.json"
    assert paths.token_file == "/srv/styxy/auth.token"
    assert paths.database == "/srv/styxy/styxy.db"
    assert paths.daemon_log == "/srv/styxy/logs/daemon.log"
    assert paths.reassignment_log == "/srv/styxy/reassignments.log"
    assert paths.in_home("a", "b") == "/srv/styxy/a/b"


def test_sockets_lie_in_the_home_where_there_is_no_runtime_directory() -> None:
    for env in ({}, {"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "/no/such/directory"}):
        paths = Paths({"STYXY_HOME": "/srv/styxy", **env})
        assert paths.socket() == "/srv/styxy/run/styxy.sock"
        assert paths.line_socket() == "/srv/styxy/run/line.sock"
        assert paths.port_map() == "/srv/styxy/run/ports.map"


def test_a_runtime_directory_is_used_and_shared_by_no_two_homes(tmp_path: Path) -> None:
    short = Path("/proc/self/fd")  # a directory that is there, with a short name
    one = Paths({"STYXY_HOME": "/srv/one", "XDG_RUNTIME_DIR": str(short)})
    two = Paths({"STYXY_HOME": "/srv/two", "XDG_RUNTIME_DIR": str(short)})
    assert one.runtime_dir() == f"{short}/styxy/{home_hash('/srv/one')}"
    assert one.socket() == f"{one.runtime_dir()}/styxy.sock"
    assert one.runtime_dir() != two.runtime_dir()
    assert not list(tmp_path.iterdir()), "paths alone: nothing is made"


@pytest.mark.parametrize("length", [50, 80, 86, 87, 88, 120, 4000])
def test_no_socket_path_is_too_long_for_the_kernel(length: int) -> None:
    home = "/" + "h" * (length - 1)
    paths = Paths({"STYXY_HOME": home})
    for path in (paths.socket(), paths.line_socket(), paths.port_map()):
        assert len(os.fsencode(path)) <= SUN_PATH_LIMIT
    assert paths.runtime_dir() in (f"{home}/run", f"/tmp/styxy-{os.getuid()}/{home_hash(home)}")


def test_a_long_runtime_directory_has_a_short_alternative(tmp_path: Path) -> None:
    base = tmp_path / ("r" * 90)
    base.mkdir()
    paths = Paths({"STYXY_HOME": "/srv/styxy", "XDG_RUNTIME_DIR": str(base)})
    assert paths.runtime_dir() == f"/tmp/styxy-{os.getuid()}/{home_hash('/srv/styxy')}"


def test_a_path_that_is_not_ascii_is_measured_in_bytes() -> None:
    paths = Paths({"STYXY_HOME": "/" + "é" * 45})
    assert len(os.fsencode(paths.socket())) <= SUN_PATH_LIMIT


def test_a_named_socket_overrides_all_three() -> None:
    paths = Paths({"STYXY_HOME": "/srv/styxy", "STYXY_SOCKET": "/tmp/x.sock"})
    assert paths.socket() == "/tmp/x.sock"
    assert paths.line_socket() == "/tmp/x.sock.line"
    assert paths.port_map() == "/tmp/x.sock.map"
    assert paths.daemon_file == "/srv/styxy/daemon.json"


def test_the_hash_of_a_home_is_the_same_in_every_process() -> None:
    assert home_hash("/srv/styxy") == "e2f2c687e225"
    assert home_hash("/srv/styxy") == home_hash("/srv/styxy")
    assert home_hash("/srv/styxy") != home_hash("/srv/styxz")
