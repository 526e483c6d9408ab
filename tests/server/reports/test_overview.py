"""Everything at once, in increments, with real listeners and leases."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.daemon import Daemon, port_of
from tests.fakes import free_port


def overview(daemon: Daemon, since: int | None = None) -> dict[str, Any]:
    """Ask for everything, or for what is newer."""
    answer = daemon.call("GET", "/overview" + (f"?since={since}" if since is not None else ""))
    assert answer.status == 200, answer
    body = answer.body
    assert isinstance(body, dict)
    return body


def on_port(answer: dict[str, Any], port: int) -> dict[str, Any] | None:
    """Find a port in an answer."""
    return next((each for each in answer["ports"] if each["port"] == port), None)


def test_a_listener_is_there_with_its_process_and_the_url(
    daemon: Daemon, server: socket.socket
) -> None:
    port = port_of(server)
    seen = on_port(overview(daemon), port)
    assert seen is not None
    listener = seen["listener"]
    assert (listener["pid"], listener["own"]) == (os.getpid(), True)
    assert listener["url"] == f"http://localhost:{port}/"
    assert "lease" not in seen


def test_a_lease_without_a_listener_is_there_too(daemon: Daemon, tmp_path: Path) -> None:
    lease = daemon.allocate(service_name="web", project_path=str(tmp_path))
    seen = on_port(overview(daemon), lease["port"])
    assert seen is not None
    assert "listener" not in seen
    assert (seen["project"], seen["service_type"]) == (str(tmp_path), "dev")
    assert (seen["lease"]["lock_id"], seen["lease"]["service_name"]) == (lease["lock_id"], "web")


def test_an_increment_has_only_what_is_new_and_what_is_gone(daemon: Daemon) -> None:
    kept = daemon.allocate()
    before = overview(daemon)
    assert before["complete"]
    assert overview(daemon, before["revision"])["ports"] == []
    new = daemon.allocate()
    increment = overview(daemon, before["revision"])
    assert not increment["complete"]
    assert [each["port"] for each in increment["ports"]] == [new["port"]]
    assert [each["event"] for each in increment["events"]] == ["allocated"]
    daemon.call("DELETE", f"/allocate/{kept['lock_id']}")
    assert overview(daemon, increment["revision"])["gone"] == [kept["port"]]


def test_a_listener_that_ends_is_gone(daemon: Daemon) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = port_of(server)
        before = overview(daemon)
        assert on_port(before, port) is not None
    assert port in overview(daemon, before["revision"])["gone"]


def test_a_revision_that_is_not_of_this_daemon_gets_everything(daemon: Daemon) -> None:
    daemon.allocate()
    now = overview(daemon)["revision"]
    for since in (0, now + 1000):
        assert overview(daemon, since)["complete"]


def test_the_worktrees_of_a_repo_have_the_same_repo_and_their_branches(
    daemon: Daemon, tmp_path: Path
) -> None:
    shop, feature = tmp_path / "shop", tmp_path / "shop-feature"
    git = ["git", "-C", str(shop), "-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(shop)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "begin"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", "-b", "feature", str(feature)], check=True)
    for tree in (shop, feature):
        daemon.allocate(project_path=str(tree))
    projects = {each["path"]: each for each in overview(daemon)["projects"]}
    assert projects[str(shop)]["repo"] == projects[str(feature)]["repo"] == str(shop)
    assert projects[str(shop)]["branch"] == "main"
    assert (projects[str(feature)]["branch"], projects[str(feature)]["is_linked"]) == (
        "feature",
        True,
    )


def test_a_range_tells_how_full_it_is(daemon: Daemon) -> None:
    def full() -> tuple[int, int]:
        ranges = {each["service_type"]: each for each in overview(daemon)["ranges"]}
        return ranges["docs"]["leased"], ranges["docs"]["used"]

    leased, used = full()
    lease = daemon.allocate("docs")
    assert full() == (leased + 1, used + 1)
    with socket.socket() as server:
        server.bind(("127.0.0.1", lease["port"]))
        server.listen()
        assert full() == (leased + 1, used + 1)


def test_an_instance_has_the_ports_of_its_leases(daemon: Daemon) -> None:
    body = {"instance_id": "claude-1a2b"}
    assert daemon.call("POST", "/instance/register", body).status == 200
    lease = daemon.allocate(instance_id="claude-1a2b")
    found = overview(daemon)["instances"]
    assert [(each["agent"], each["ports"]) for each in found] == [("claude", [lease["port"]])]
    daemon.call("DELETE", "/instance/claude-1a2b")


def test_whoever_follows_is_told_of_a_listener_that_comes_and_of_a_lease(daemon: Daemon) -> None:
    overview(daemon)
    connection = daemon.connect()
    connection.request("GET", "/events?event=changed")
    stream = connection.getresponse()

    def next_message() -> dict[str, str]:
        lines = iter(lambda: stream.readline().decode().strip(), None)
        event = next(line for line in lines if line.startswith("event: "))
        return {"event": event.removeprefix("event: "), "data": next(lines)}

    changed = {"event": "changed", "data": "data: {}"}
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
        server.listen()
        assert next_message() == changed
        assert on_port(overview(daemon), port_of(server)) is not None
    assert next_message() == changed
    daemon.allocate()
    assert next_message() == changed
    connection.close()


def test_a_follower_of_changes_does_not_hear_of_events_by_word(daemon: Daemon) -> None:
    answer = daemon.call("GET", "/events?event=nonsense")
    assert answer.status == 400
    assert "changed" in json.dumps(answer.body)


def test_a_first_look_gets_what_a_list_by_project_begins_with(
    daemon: Daemon, tmp_path: Path
) -> None:
    repo = tmp_path / "shop"
    (repo / ".git").mkdir(parents=True)
    (repo / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "alone").mkdir()
    program = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s, flush=True); "
    words = [sys.executable, "-c", program + "import sys; sys.stdin.read()"]
    started = [
        subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for folder in (tmp_path / "alone", repo)
    ]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline()
    places = [str(each.get("project")) for each in overview(daemon)["ports"] if "listener" in each]
    first = daemon.call("GET", f"/overview?first={len(places)}").body
    one = daemon.call("GET", "/overview?first=1").body
    for each in started:
        each.communicate(b"")
    order = [each.get("project") for each in first["ports"]]
    assert sorted(map(str, order)) == sorted(places)
    assert order.index(str(repo)) < order.index(str(tmp_path / "alone"))
    assert one["ports"] == first["ports"][:1]
    assert [each["path"] for each in one["projects"]] == order[:1]
