"""The configuration from the command line: through a running daemon, else from the file.

Either way the answer has one shape (`core.protocol.config`), and everything is validated before it
is written. No daemon is started for this: the file can be read without one.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from styxy.adapters.config_file import ConfigFile
from styxy.adapters.home import private_home
from styxy.adapters.settings import load_overrides
from styxy.client.daemon.connection import Answer, Connection
from styxy.core.model.service_types import Catalogue
from styxy.core.protocol import config as codec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styxy.adapters.paths import Paths


class ConfigurationAccess:
    """Reads and changes the configuration of one home."""

    def __init__(self, paths: Paths, env: Mapping[str, str]) -> None:
        self.file = ConfigFile(paths.config_file, backups=paths.backups)
        self._paths = paths
        self._env = env

    def show(self) -> Answer:
        """Return the configuration in force, or without a daemon the one it would have."""
        connection = self._daemon()
        return connection.ask("GET", "/config") if connection is not None else self.planned()

    def planned(self) -> Answer:
        """Return the configuration that the next daemon would have."""
        loaded = self.file.load()
        overrides = load_overrides(self._env)
        good, source = self.file.best(loaded)
        configuration = overrides.over(good.configuration)
        answer = codec.config(
            configuration,
            Catalogue().extended(configuration.service_types),
            file=self.file.path,
            source=source,
            loaded_at=time.time(),
            origins={**dict.fromkeys(good.keys, source), **overrides.origins},
            problems=loaded.problems,
        )
        return _answered(answer)

    def change(self, patch: Mapping[str, object], *, dry_run: bool = False) -> Answer:
        """Apply a merge patch to the file and, if a daemon is running, put it in force.

        Raises the error that says why not; then nothing has changed.
        """
        connection = self._daemon()
        if connection is not None:
            return connection.ask("PATCH", "/config", {"changes": patch, "dry_run": dry_run})
        private_home(self._paths.home)
        edited = self.file.edit(patch, dry_run=dry_run)
        answer = codec.changed(
            patch,
            file=self.file.path,
            has_changed=edited.has_changed,
            dry_run=dry_run,
            copy=edited.copy,
            overrides=load_overrides(self._env).origins,
            problems=edited.loaded.problems,
        )
        return _answered(answer)

    def _daemon(self) -> Connection | None:
        """Find a daemon that is listening; raises `DaemonUnreachable` if it does not answer."""
        connection = Connection(self._paths)
        return connection if connection.listens() else None


def _answered(answer: codec.ConfigAnswer | codec.ConfigChanged) -> Answer:
    raw = codec.encoded(answer)
    return Answer(raw, json.loads(raw))
