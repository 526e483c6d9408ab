"""What the checks look at, each thing looked up once: files, the daemon's answers, one real bind.

A daemon that is silent is asked once and no more, so that an examination of a sick one is quick.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from styxy.adapters.portable.choice import open_processes
from styxy.client.daemon.connection import Connection, DaemonRecord, read_record
from styxy.client.interception.self_test import Trial, try_bind
from styxy.client.text.render import objects
from styxy.core.config.configuration import Configuration
from styxy.core.errors import DaemonUnreachable, StyxyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.adapters.paths import Paths
    from styxy.core.reports.process_tree import Process

PATIENCE = 0.5
"""Seconds for an answer; a healthy daemon needs a hundredth of it."""


class Examination:
    """Look at one home and its daemon; never starts one.

    Without a shell, nothing is asked that only programs of a shell are concerned with, and the
    daemon is not asked to move anything.
    """

    def __init__(self, paths: Paths, env: Mapping[str, str], *, has_shell: bool = True) -> None:
        self.paths = paths
        self.env = env
        self.has_shell = has_shell
        self.connection = Connection(paths, answer_patience=PATIENCE)
        self.processes = open_processes()
        self.silence: DaemonUnreachable | None = None
        """Why the daemon did not answer."""
        self.answer_time = 0.0
        """Seconds that the answer to /status took."""

    @cached_property
    def table(self) -> dict[int, Process]:
        """Every process of the machine."""
        return self.processes.table()

    @cached_property
    def record(self) -> DaemonRecord | None:
        """What `daemon.json` says."""
        return read_record(self.paths)

    @cached_property
    def listens(self) -> bool:
        """Tell whether anything listens on the daemon's socket."""
        try:
            return self.connection.listens()
        except DaemonUnreachable as failure:
            self.silence = failure
            return True

    @cached_property
    def other_network(self) -> DaemonUnreachable | None:
        """What to say if the daemon is in another network namespace than we are."""
        try:
            self.connection.refuse_other_network()
        except DaemonUnreachable as failure:
            return failure
        return None

    @cached_property
    def listen_port(self) -> int:
        """The TCP port of the daemon, or of the next one."""
        port = self.configuration.get("listen_port")
        return port if isinstance(port, int) else Configuration().listen_port

    @cached_property
    def status(self) -> dict[str, object] | None:
        """The answer of GET /status, or None where there is none."""
        if not self.listens or self.silence is not None:
            return None
        began = time.monotonic()
        try:
            answer = self.connection.ask("GET", "/status").data
        except DaemonUnreachable as failure:
            self.silence = failure
            return None
        self.answer_time = time.monotonic() - began
        return answer

    def part(self, name: str) -> dict[str, object]:
        """What GET /health says of one part; empty where there is no daemon or no such part."""
        parts = self.health.get("parts")
        return next(iter(objects([parts.get(name)])), {}) if isinstance(parts, dict) else {}

    @cached_property
    def health(self) -> dict[str, object]:
        """The answer of GET /health; empty without a daemon."""
        if self.status is None:
            return {}
        try:
            return self.connection.ask("GET", "/health").data
        except StyxyError as failure:
            # Where no lease can be granted it is a refusal, with the answer inside.
            return next(iter(objects([failure.context.get("health")])), {})

    @cached_property
    def configuration(self) -> dict[str, object]:
        """The answer of GET /config, or what the next daemon would have in force."""
        if self.status is not None:
            return self.asked("/config")
        from styxy.client.daemon.configuration import ConfigurationAccess

        return ConfigurationAccess(self.paths, self.env).planned().data

    def asked(self, path: str) -> dict[str, object]:
        """Ask the daemon; empty where there is none. Raises the error that it answers."""
        return {} if self.status is None else self.connection.ask("GET", path).data

    @cached_property
    def trial(self) -> Trial:
        """One real bind. Raises `Unavailable` where it cannot be tried."""
        return try_bind(self.env, self.paths, runs=self.status is not None)
