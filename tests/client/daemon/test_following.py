"""A follower that meets a moment without a daemon waits for the next one."""

from __future__ import annotations

from styxy.adapters.paths import Paths
from styxy.client.daemon.connection import Connection
from styxy.client.daemon.following import follow
from tests.commands import CommandLine


def test_following_begins_also_where_the_daemon_is_away_at_that_moment(
    styxy: CommandLine,
) -> None:
    styxy.json("allocate", "-s", "build")
    styxy.kill_daemon()
    connection = Connection(Paths(styxy.env))
    path_after = "/events?since_seq={}".format
    happenings = follow(connection, path_after, after=0, pause=lambda _: start_daemon(styxy))
    assert next(happenings).seq == 1


def start_daemon(styxy: CommandLine) -> None:
    styxy.run("daemon", "start", "-d")
