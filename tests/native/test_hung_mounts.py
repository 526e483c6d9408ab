"""A guest whose directory lies on a mount that does not answer: a real FUSE mount, both backends.

Also tests `bounded`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.hanging_mount import HangingMount
from tests.native.guest import FakeDaemon, listener, move, say
from tests.native.host_programs import host
from tests.native.supervised import environment, needs_seccomp, under

WAITING = r"""
    //main
    struct sockaddr_in name = at(port);
    socklen_t length = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM, 0), before = open_descriptors();
    printf("here\n");
    fflush(stdout);
    getchar();
    errno = 77;
    int bound = bind(fd, (void *)&name, length), listens = listen(fd, 5), error = errno;
    getsockname(fd, (void *)&name, &length);
    int children = waitpid(-1, NULL, WNOHANG) >= 0;
    printf("%d %d %d %d %d %d", bound, listens, error, ntohs(name.sin_port), children,
           open_descriptors() - before);
"""


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[HangingMount]:
    with HangingMount(tmp_path / "mount") as mounted:
        yield mounted


@contextmanager
def started(
    words: list[str | Path], env: dict[str, str], mount: HangingMount
) -> Iterator[subprocess.Popen[str]]:
    """A program in `shop/web`, which binds once it is sent a line."""
    with subprocess.Popen(
        [str(each) for each in words],
        env=env, cwd=mount.path / "shop" / "web", text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as program:  # fmt: skip
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == "here\n"
            yield program
        finally:
            mount.recover()  # what hangs cannot be killed
            program.kill()


class MovingDaemon(FakeDaemon):
    """A daemon that moves every bind to one free port."""

    def __init__(self, home: Path) -> None:
        self.expected = free_port()
        super().__init__(home, say(move(self.expected)))

    def __enter__(self) -> MovingDaemon:
        super().__enter__()
        return self


def bind_there(
    daemon: MovingDaemon,
    mount: HangingMount,
    *,
    hangs: bool,
    is_supervised: bool = False,
    **more: str,
) -> str:
    """Bind a busy port from `shop/web`; return the project that the question names."""
    with listener() as taken:
        words: list[str | Path] = [host(WAITING), str(taken)]
        env = daemon.environment(STYXY_NOTIFY="off", **more)
        if is_supervised:
            words = under(host(WAITING), str(taken))
            env = environment(daemon, STYXY_NOTIFY="off")
        with started(words, env, mount) as program:
            if hangs:
                mount.hang()
            out, err = program.communicate("\n", timeout=60)
    free = daemon.expected
    assert (program.returncode, out, err) == (0, f"0 0 77 {free} 0 0", "")
    (question,) = daemon.questions
    return question[11]


@pytest.mark.parametrize(("hangs", "project"), [(False, "shop"), (True, "shop/web")])
def test_a_bind_waits_for_no_mount(
    tmp_path: Path, mount: HangingMount, hangs: bool, project: str
) -> None:
    with MovingDaemon(tmp_path / "home") as daemon:
        assert bind_there(daemon, mount, hangs=hangs) == f"{mount.path}/{project}"


@needs_seccomp
@pytest.mark.parametrize(("hangs", "project"), [(False, "shop"), (True, "shop/web")])
def test_a_supervisor_waits_for_no_mount(
    tmp_path: Path, mount: HangingMount, hangs: bool, project: str
) -> None:
    with MovingDaemon(tmp_path / "home") as daemon:
        found = bind_there(daemon, mount, hangs=hangs, is_supervised=True)
        assert found == f"{mount.path}/{project}"


def test_a_home_on_a_silent_mount_is_not_waited_for(tmp_path: Path, mount: HangingMount) -> None:
    there = str(mount.path / "shop")
    with MovingDaemon(tmp_path / "home") as daemon:
        found = bind_there(daemon, mount, hangs=True, STYXY_PROJECT=str(tmp_path), HOME=there)
        assert found == str(tmp_path)


def test_a_relative_project_may_lead_to_a_silent_mount(tmp_path: Path, mount: HangingMount) -> None:
    with MovingDaemon(tmp_path / "home") as daemon:
        named = bind_there(daemon, mount, hangs=True, STYXY_PROJECT="../web")
        assert named in ("../web", "-")
