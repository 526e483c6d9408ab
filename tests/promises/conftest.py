"""What the promises share."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.promises.damage import Scene
from tests.promises.load import make_home


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    place = tmp_path_factory.mktemp("damage")
    daemon = Daemon(make_home(place / "home"))
    daemon.start()
    early = {}
    for number in range(5):
        lease = daemon.allocate("load", project_path=f"/p{number}", ttl=3600)
        early[lease["lock_id"]] = lease["port"]
    daemon.stop()
    daemon.start()
    late = {}
    for number in range(3):
        lease = daemon.allocate("load", project_path=f"/q{number}", pid=os.getpid())
        late[lease["lock_id"]] = lease["port"]
    served = daemon.allocate("load", pid=os.getpid())
    late[served["lock_id"]] = served["port"]
    (daemon.home / "reassignments.log").write_text("a line\n" * 100)
    (daemon.home / "logs").mkdir()
    (daemon.home / "logs" / "daemon.log").write_text("a line\n" * 100)
    daemon.kill()
    for path in Path(daemon.home, "run").glob("*.sock"):
        path.unlink()
    shutil.copytree(daemon.home, place / "template")
    with socket.create_server(("127.0.0.1", served["port"])):
        yield Scene(
            home=daemon.home,
            template=place / "template",
            early=early,
            late=late,
            served=served["port"],
        )
