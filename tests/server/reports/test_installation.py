"""A daemon whose own files are gone or others says so, goes on, answers and can be stopped."""

from __future__ import annotations

import http.client
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import styxy
from styxy import __version__
from styxy.core.errors import Unavailable
from styxy.server.http.app import ROUTES
from styxy.server.reports.installation import Installation
from tests.commands import CommandLine
from tests.daemon import Daemon

LATE = ("/docs", "/openapi.json", "/metrics")
"""What needs modules that a daemon loads when it is first asked."""


def remove(site: Path) -> None:
    """Remove an installation at once, whatever a running program writes into it meanwhile."""
    site.rename(site.with_name("removed"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the package in a directory of its own, to be deleted under a daemon."""
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(Path(styxy.__file__).parent, tmp_path / "site" / "styxy", ignore=ignored)
    return tmp_path / "site"


@pytest.fixture
def daemon(site: Path, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that runs from the copy."""
    # It loads the hooks in the background: what it compiles must not appear in a directory that is
    # just being deleted.
    wrapper = ("env", f"PYTHONPATH={site}", "PYTHONDONTWRITEBYTECODE=1")
    with Daemon(tmp_path / "home", wrapper=wrapper) as running:
        yield running


def upgrade(site: Path, version: str) -> None:
    """Put another version in the place of a copy, as an installer does: new files, old names."""
    file = site / "styxy" / "__init__.py"
    text = file.read_text().replace(__version__, version)
    file.unlink()
    file.write_text(text)


def said(daemon: Daemon) -> str:
    """What the daemon says of its installation, where every reader of it looks."""
    (warning,) = daemon.call("GET", "/status").body["warnings"]
    part = daemon.call("GET", "/health").body["parts"]["installation"]
    assert part == {"state": "warning", "message": warning}
    assert isinstance(warning, str)
    return warning


def text_at(daemon: Daemon, path: str) -> tuple[int, bytes]:
    """Ask for something that may not be JSON."""
    link = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)
    with closing(link):
        token = (daemon.home / "auth.token").read_text().strip()
        link.request("GET", path, headers={"authorization": f"Bearer {token}"})
        answer = link.getresponse()
        return answer.status, answer.read()


def test_a_daemon_that_was_left_alone_says_nothing(daemon: Daemon) -> None:
    assert daemon.call("GET", "/status").body["warnings"] == []
    part = daemon.call("GET", "/health").body["parts"]["installation"]
    assert (part["state"], part["message"].split(",")[0]) == ("ok", __version__)


def test_a_daemon_that_was_uninstalled_says_how_to_stop_it(daemon: Daemon, site: Path) -> None:
    remove(site)
    pid = daemon.process.pid
    assert said(daemon) == (
        f"Styxy {__version__} was uninstalled or moved while its daemon is running "
        f"({site}/styxy is gone); to stop the daemon: kill {pid}"
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", LATE)
def test_what_it_had_not_loaded_is_refused_with_a_sentence(
    daemon: Daemon, site: Path, path: str
) -> None:
    remove(site)
    status, text = text_at(daemon, path)
    assert status == 503, text
    answer = json.loads(text)
    assert answer["code"] == "unavailable"
    assert answer["error"].endswith(f"to stop the daemon: kill {daemon.process.pid}")


@pytest.mark.slow
@pytest.mark.parametrize("path", LATE)
def test_what_it_had_loaded_is_still_answered(daemon: Daemon, site: Path, path: str) -> None:
    before = text_at(daemon, path)
    remove(site)
    after = text_at(daemon, path)
    assert (before[0], after[0]) == (200, 200)


def test_everything_else_works_without_its_files(
    daemon: Daemon, site: Path, tmp_path: Path
) -> None:
    remove(site)
    project = tmp_path / "shop"
    (project / ".git").mkdir(parents=True)
    (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    lease = daemon.allocate("dev", project_path=str(project))
    for route in ROUTES:
        path = route.example or route.path
        if route.method != "GET" or "{" in path or path in LATE or route.path in (*LATE, "/events"):
            continue
        assert text_at(daemon, path)[0] < 500, path
    assert daemon.call("DELETE", f"/allocate/{lease['lock_id']}").status == 200
    assert daemon.stop() == 0
    assert not (daemon.home / "daemon.json").exists()


def test_a_newer_version_is_named_and_not_mixed_in(daemon: Daemon, site: Path) -> None:
    upgrade(site, "9.8.7")
    assert said(daemon) == (
        f"Styxy 9.8.7 was installed since this daemon ({__version__}) started; "
        "to use it: styxy daemon restart"
    )
    for path in LATE:
        status, text = text_at(daemon, path)
        assert (status, json.loads(text)["error"]) == (503, said(daemon))


def test_a_newer_version_in_the_very_file_of_the_old_is_named(daemon: Daemon, site: Path) -> None:
    file = site / "styxy" / "__init__.py"
    before = file.stat()
    file.write_text(file.read_text().replace(__version__, "9.8.7"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert said(daemon).startswith("Styxy 9.8.7 was installed since this daemon ")


def test_any_command_line_shows_it_and_stops_the_daemon(site: Path, tmp_path: Path) -> None:
    installed = CommandLine(tmp_path / "home")
    installed.env["PYTHONPATH"] = str(site)
    installed.run("daemon", "start", "-d")
    pid = installed.daemon_pid()
    remove(site)
    other = CommandLine(installed.home)
    shown = other.run("daemon", "status")
    assert f"to stop the daemon: kill {pid}" in shown.stdout
    (found,) = [each for each in _checks(other.json("doctor")) if each["name"] == "version"]
    assert (found["verdict"], found["fix"]) == ("warning", "styxy daemon restart")
    assert f"({site}/styxy is gone)" in str(found["message"])
    stopped = other.run("daemon", "stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"the daemon (pid {pid}) has stopped\n")


def test_the_log_says_it_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    package = tmp_path / "styxy"
    package.mkdir()
    (package / "__init__.py").write_text('__version__ = "1.0"\n')
    installation = Installation(str(package), version="1.0")
    installation.log_problem()
    assert caplog.messages == []
    shutil.rmtree(package)
    for _ in range(2):
        installation.log_problem()
    assert caplog.messages == [installation.problem]


def test_a_reinstallation_of_the_same_version_is_named(tmp_path: Path) -> None:
    file = tmp_path / "__init__.py"
    file.write_text('__version__ = "1.0"\n')
    installation = Installation(str(tmp_path), version="1.0")
    (tmp_path / "new").write_text(file.read_text())
    (tmp_path / "new").rename(file)
    assert installation.problem == (
        "Styxy 1.0 was installed since this daemon (1.0) started; to use it: styxy daemon restart"
    )
    file.write_text("")
    assert "Styxy (an unknown version) was installed" in str(installation.problem)


def test_a_dependency_that_is_gone_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('__version__ = "1.0"\n')
    installation = Installation(str(tmp_path), version="1.0")
    installation.load("json")
    with pytest.raises(Unavailable, match=r"a part of Styxy cannot be loaded .*nonesuch.*; reinst"):
        installation.load("styxy.nonesuch")


def _checks(report: dict[str, object]) -> list[dict[str, object]]:
    checks = report["checks"]
    assert isinstance(checks, list)
    return checks
