"""Whose a lease is, and that its port comes back: worktrees, links, processes, restarts.

Also tests `context`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from styxy.adapters.journal.journal import Journal
from styxy.adapters.processes import Processes
from styxy.core.books.events import Leased
from styxy.core.model.leases import Lease, Owner
from styxy.core.model.ports import Port
from tests.daemon import Daemon
from tests.fakes import clean_environment, free_port


def worktree(path: Path, *, linked: bool = False) -> Path:
    """Make what git makes: a directory, or for a linked worktree a file that points to one."""
    path.mkdir(parents=True, exist_ok=True)
    if linked:
        (path / ".git").write_text("gitdir: /elsewhere/.git/worktrees/x\n")
    else:
        (path / ".git").mkdir()
        (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return path


def project_of(daemon: Daemon, path: object) -> object:
    return daemon.allocate("build", project_path=str(path), dry_run=True)["project_path"]


@contextmanager
def program(cwd: Path, **env: str) -> Iterator[int]:
    """Run a process in a directory; give its pid."""
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", "import sys; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=cwd,
        env=clean_environment(**env),
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


# --- what a project is ---------------------------------------------------------------------------


def test_any_directory_of_a_worktree_is_the_worktree(daemon: Daemon, tmp_path: Path) -> None:
    root = worktree(tmp_path / "shop")
    deep = root / "src" / "web"
    deep.mkdir(parents=True)
    (deep / "package.json").write_text("{}")
    assert project_of(daemon, deep) == str(root)
    assert project_of(daemon, f"{root}/src/../src/./web/") == str(root)


def test_linked_worktrees_are_projects_of_their_own(daemon: Daemon, tmp_path: Path) -> None:
    main = worktree(tmp_path / "shop")
    linked = worktree(tmp_path / "shop-fix", linked=True)
    inside = worktree(main / "vendor" / "lib", linked=True)
    assert project_of(daemon, main / "vendor") == str(main)
    assert project_of(daemon, linked) == str(linked)
    assert project_of(daemon, inside) == str(inside)


def test_a_link_to_a_project_is_the_project(daemon: Daemon, tmp_path: Path) -> None:
    root = worktree(tmp_path / "shop")
    (tmp_path / "here").symlink_to(root)
    assert project_of(daemon, tmp_path / "here") == str(root)
    lease = daemon.allocate("build", project_path=str(tmp_path / "here"), service_name="web")
    assert [each["lock_id"] for each in daemon.leases(f"?project={tmp_path}/here")] == [
        lease["lock_id"]
    ]
    daemon.call("DELETE", f"/allocate/{lease['lock_id']}")
    assert (
        daemon.allocate("build", project_path=str(root), service_name="web", dry_run=True)["port"]
        == lease["port"]
    )


def test_without_git_a_project_file_or_the_directory_counts(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "shop" / "src").mkdir(parents=True)
    assert project_of(daemon, tmp_path / "shop" / "src") == str(tmp_path / "shop" / "src")
    (tmp_path / "shop" / "go.mod").write_text("module shop\n")
    assert project_of(daemon, tmp_path / "shop" / "src") == str(tmp_path / "shop")


def test_a_directory_that_was_deleted_keeps_its_name(daemon: Daemon, tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "away"
    assert project_of(daemon, gone) == str(gone)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert (
        daemon.call(
            "POST",
            "/allocate",
            {"service_type": "build", "project_path": str(loop), "dry_run": True},
        ).status
        == 200
    )


@contextmanager
def listening(cwd: Path, **env: str) -> Iterator[int]:
    """Run a server in a directory; give its port."""
    code = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=cwd,
        env=clean_environment(**env),
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def observed(daemon: Daemon, port: int) -> object:
    return daemon.call("GET", f"/observe/{port}").body["observation"]["project"]


def chain(folder: Path, links: int = 1500) -> Path:
    """Lay a chain of links, each to the next, the last to a directory."""
    (folder / "end").mkdir(parents=True)
    for number in range(links):
        after = "end" if number == 0 else f"link{number - 1}"
        (folder / f"link{number}").symlink_to(after)
    return folder / f"link{links - 1}"


def unreadable_link() -> Path:
    """Return a link of /proc that this user may not read; root may read more of them."""
    for pid in sorted(int(each) for each in os.listdir("/proc") if each.isdigit()):
        for name in ("root", "exe"):
            try:
                os.readlink(f"/proc/{pid}/{name}")
            except OSError:
                if os.path.lexists(f"/proc/{pid}/{name}"):
                    return Path(f"/proc/{pid}/{name}")
    pytest.skip("every link of /proc can be read here")


@pytest.fixture(params=[chain, lambda _folder: unreadable_link()], ids=["chain", "unreadable"])
def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a path whose links cannot be followed."""
    path = request.param(tmp_path / "links")
    assert isinstance(path, Path)
    return path


def test_a_path_that_cannot_be_followed_is_a_project_under_its_spelling(
    daemon: Daemon, nowhere: Path
) -> None:
    assert project_of(daemon, nowhere / "x" / ".." / "y") == str(nowhere / "y")
    assert daemon.leases(f"?project={nowhere}") == []
    body = {"instance_id": "q", "working_directory": str(nowhere)}
    assert daemon.call("POST", "/instance/register", body).status in (200, 201)
    part = daemon.call("GET", "/health").body["parts"]["projects"]
    assert part["state"] == "warning"
    assert str(nowhere) in part["message"]


def test_a_process_whose_path_cannot_be_followed_disturbs_nobody(
    daemon: Daemon, nowhere: Path, tmp_path: Path
) -> None:
    root = worktree(tmp_path / "shop")
    with listening(root, STYXY_PROJECT=str(nowhere)) as odd, listening(root) as plain:
        daemon.kill()
        daemon.start()
        assert observed(daemon, plain) == str(root)
        assert observed(daemon, odd) == str(nowhere)


@pytest.mark.parametrize("said", ["gitdir: {}\n", "config"])
def test_an_unpacked_archive_cannot_lead_the_daemon_astray(
    daemon: Daemon, nowhere: Path, tmp_path: Path, said: str
) -> None:
    root = worktree(tmp_path / "shop")
    planted = tmp_path / "planted"
    if said == "config":
        worktree(planted)
        (planted / ".git" / "config").write_text(f'[remote "origin"]\n\turl = {nowhere}\n')
    else:
        planted.mkdir()
        (planted / ".git").write_text(said.format(nowhere))
    with listening(planted) as strange, listening(root) as plain:
        daemon.kill()
        daemon.start()
        assert observed(daemon, plain) == str(root)
        assert observed(daemon, strange) == str(planted)


def test_a_project_that_moved_is_another_and_its_program_is_found_there(
    daemon: Daemon, tmp_path: Path
) -> None:
    old = worktree(tmp_path / "old")
    with program(old) as pid:
        old.rename(tmp_path / "new")
        lease = daemon.allocate("build", pid=pid, dry_run=True)
        assert lease["project_path"] == str(tmp_path / "new")
    assert project_of(daemon, old) == str(old)


def test_a_process_brings_the_project_of_its_directory(daemon: Daemon, tmp_path: Path) -> None:
    root = worktree(tmp_path / "shop")
    (root / "src").mkdir()
    with program(root / "src") as pid:
        assert daemon.allocate("build", pid=pid, dry_run=True)["project_path"] == str(root)
    with program(tmp_path, STYXY_PROJECT=str(root / "src")) as pid:
        assert daemon.allocate("build", pid=pid, dry_run=True)["project_path"] == str(root)
    with program(root) as pid:
        named = daemon.allocate("build", pid=pid, project_path=str(tmp_path), dry_run=True)
        assert named["project_path"] == str(tmp_path)


@pytest.mark.parametrize("path", ["relative", "", "/x\0y", "/" + "x" * 4096, "/" + "ü" * 2048, 7])
def test_a_path_that_is_none_is_400(daemon: Daemon, path: object) -> None:
    body = {"service_type": "build", "project_path": path}
    assert daemon.call("POST", "/allocate", body).status == 400


@pytest.mark.parametrize("path", ["/" + "x" * 4095, "/" + "ü" * 2047])
def test_a_long_path_is_a_path(daemon: Daemon, path: str) -> None:
    assert project_of(daemon, path) == path


def test_a_process_with_an_endless_project_is_of_its_directory(
    daemon: Daemon, tmp_path: Path
) -> None:
    with program(tmp_path, STYXY_PROJECT="/" + "x" * 5000) as pid:
        lease = daemon.allocate("build", pid=pid, dry_run=True)
        assert lease["project_path"] == str(tmp_path)


# --- the port comes back -------------------------------------------------------------------------


def test_a_project_gets_its_port_back_after_restarts_of_program_and_daemon(
    fresh: Daemon, tmp_path: Path
) -> None:
    one, two = worktree(tmp_path / "one"), worktree(tmp_path / "two")
    first = fresh.allocate("build", project_path=str(one), service_name="web")
    second = fresh.allocate("build", project_path=str(two), service_name="web")
    for lease in (first, second):
        fresh.call("DELETE", f"/allocate/{lease['lock_id']}")
    for restart in (lambda: fresh.stop(), lambda: fresh.kill()):
        restart()
        fresh.start()
        again = fresh.allocate("build", project_path=str(two), service_name="web")
        assert again["port"] == second["port"]
        fresh.call("DELETE", f"/allocate/{again['lock_id']}")
    plain = fresh.allocate("build", project_path=str(two), service_name="web", sticky=False)
    assert plain["port"] == first["port"]


def test_a_project_gets_its_port_back_after_a_restart_of_the_machine(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    me = Processes().holder(os.getpid())
    assert me is not None
    lease = Lease(
        lease_id="before",
        port=Port(free_port()),
        service_type="build",
        service_name="web",
        owner=Owner(project=str(tmp_path)),
        holder=replace(me, boot="another boot"),  # the same pid and ticks: only the boot tells
        allocated_at=1.0,
        last_seen=1.0,
    )
    journal = Journal(str(home / "styxy.db"))
    journal.append([Leased(lease=lease, at=1.0)])
    journal.close()
    with Daemon(home) as daemon:
        assert daemon.leases() == []
        again = daemon.allocate("build", project_path=str(tmp_path), service_name="web")
        assert again["port"] == lease.port


def test_leases_of_nobody_do_not_vanish_with_a_daemon_that_took_itself_for_their_owner(
    fresh: Daemon,
) -> None:
    lease = fresh.allocate("build")
    fresh.kill()
    fresh.start()
    fresh.call("POST", "/cleanup", {})
    (kept,) = fresh.leases()
    assert (kept["lock_id"], kept["pid"]) == (lease["lock_id"], None)


def test_a_hundred_requests_for_a_singleton_get_one_lease(fresh: Daemon) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: fresh.allocate("ai"), range(100)))
    assert len({answer["lock_id"] for answer in answers}) == 1
    assert sum("existing" not in answer for answer in answers) == 1
    shared = next(answer for answer in answers if "existing" in answer)
    assert shared["success"] is True
    assert shared["existing"] is True
    assert shared["existing_instance_id"] == "default"
    assert shared["existing_pid"] is None
    assert shared["allocated_at"].endswith("Z")
    assert shared["message"] == (
        "Service 'ai' only allows single instance: unnamed-service runs on port "
        f"{shared['port']}; use that one: styxy use ai"
    )


def test_a_singleton_of_the_dead_is_granted_afresh(fresh: Daemon, tmp_path: Path) -> None:
    with program(tmp_path) as pid:
        first = fresh.allocate("ai", pid=pid)
        dry = fresh.allocate("ai", dry_run=True)
        assert (dry["existing"], dry["existing_pid"], dry["dry_run"]) == (True, pid, True)
        assert "lock_id" not in dry
    fresh.call("POST", "/cleanup", {})
    second = fresh.allocate("ai")
    assert "existing" not in second
    assert second["lock_id"] != first["lock_id"]
