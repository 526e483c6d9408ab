"""The configuration from the command line: through the daemon where one runs, else on the file.

Either way the answer has one shape (`core.protocol.config`), and what is written is checked
first. No daemon is started for it: the file is there without one.
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
    """Ask for the configuration of one home, and change it."""

    def __init__(self, paths: Paths, env: Mapping[str, str]) -> None:
        self.file = ConfigFile(paths.config_file, backups=paths.backups)
        self._paths = paths
        self._env = env

    def show(self) -> Answer:
        """Tell the configuration in force, or without a daemon the one that the next would have."""
        connection = self._daemon()
        return connection.ask("GET", "/config") if connection is not None else self.planned()

    def planned(self) -> Answer:
        """Tell the configuration that the next daemon would have."""
        loaded = self.file.load()
        overrides = load_overrides(self._env)
        good, source = self.file.best(loaded)
        configuration = overrides.over(good.configuration)
        catalogue = Catalogue().extended(configuration.service_types)
        provenance = codec.Provenance(
            file=self.file.path,
            source=source,
            loaded_at=time.time(),
            origins={**dict.fromkeys(good.keys, source), **overrides.origins},
            problems=loaded.problems,
        )
        return _answered(codec.config(configuration, catalogue, provenance))

    def change(self, patch: Mapping[str, object], *, dry_run: bool = False) -> Answer:
        """Put a merge patch into the file and, where a daemon runs, in force.

        Raises the error that says why not; then nothing has changed.
        """
        connection = self._daemon()
        if connection is not None:
            return connection.ask("PATCH", "/config", {"changes": patch, "dry_run": dry_run})
        private_home(self._paths.home)
        edited = self.file.edit(patch, dry_run=dry_run)
        change = codec.Change(
            file=self.file.path,
            has_changed=edited.has_changed,
            dry_run=dry_run,
            copy=edited.copy,
            overrides=load_overrides(self._env).origins,
            problems=edited.loaded.problems,
        )
        return _answered(codec.changed(patch, change))

    def _daemon(self) -> Connection | None:
        """Find a daemon that listens; raises `DaemonUnreachable` for one that is sick."""
        connection = Connection(self._paths)
        return connection if connection.listens() else None


def _answered(answer: codec.ConfigAnswer | codec.ConfigChanged) -> Answer:
    raw = codec.encoded(answer)
    return Answer(raw, json.loads(raw))
