"""The configuration in force: read at startup, reread when the file changes, edited for clients.

An invalid file changes nothing: its problems are reported, and the last valid configuration stays
in force. A daemon that starts with such a file uses the copy of the last valid one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from styxy.adapters.config_file import ConfigFile, Edited, Loaded, Source
    from styxy.adapters.settings import Overrides
    from styxy.core.config.configuration import Configuration
    from styxy.core.config.problems import Problem

    Level = Literal["info", "warning", "error"]
    Subscriber = Callable[[Configuration], None]
    Note = Callable[[str, Level], None]

_STAYS: dict[Source, str] = {
    "built-in": "the built-in settings are",
    "config.json": "the previous settings stay",
    "last good copy": "the last valid copy is",
}

MOST_TOLD = 10
"""Maximum problems of one file in the log; `/config` has them all."""

LOOP_PATIENCE = 0.05
"""Seconds that the loop may wait for another editor: half the stall that is allowed."""


class LiveConfig:
    """The configuration in force. `clock` gives seconds since the epoch.

    `problems` are those of the current file; `loaded_at` is when the configuration in force was
    read.
    """

    def __init__(
        self, file: ConfigFile, overrides: Overrides, *, clock: Callable[[], float]
    ) -> None:
        self.file = file
        self.overrides = overrides
        self._clock = clock
        self._subscribers: list[Subscriber] = []
        self._note: Note | None = None
        self._stamp = file.stamp()
        self._first = loaded = file.load()
        self.problems: tuple[Problem, ...] = loaded.problems
        self._accept(*file.best(loaded))

    def _accept(self, loaded: Loaded, source: Source) -> None:
        self.configuration = self.overrides.over(loaded.configuration)
        self._loaded = loaded
        self.source: Source = source
        self.loaded_at = self._clock()

    @property
    def origins(self) -> dict[str, str]:
        """The source of each key that is not built in."""
        return {**dict.fromkeys(self._loaded.keys, self.source), **self.overrides.origins}

    @property
    def summary(self) -> str:
        """One sentence about what is in force, and what is wrong with the file."""
        path = self.file.path
        if not self.problems:
            is_built_in = self.source == "built-in"
            return (
                f"no {path}; built-in settings are in force"
                if is_built_in
                else f"{path} is in force"
            )
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        return f"{self.problems[0]}{more}; {self._stays}"

    @property
    def _stays(self) -> str:
        return f"{_STAYS[self.source]} in force; see: styxy config validate"

    def claim(self) -> str | None:
        """Keep a copy of the file found at startup, or return a sentence if it is gone.

        Only a daemon that has the home to itself may call this, because it writes.
        """
        if self._first.is_missing:
            return self._gone()
        if not self.problems:
            self.file.keep_as_good(self._first)
        return None

    def begin(self, *, note: Note) -> None:
        """Start reporting what happens to the file."""
        self._note = note

    def subscribe(self, subscriber: Subscriber) -> None:
        """Register a subscriber for each new configuration, called once it is in force."""
        self._subscribers.append(subscriber)

    def refresh(self) -> None:
        """Reread the file if it has changed."""
        stamp = self.file.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._take(self.file.load())

    def reload(self) -> None:
        """Reread the file, whether it seems to have changed or not."""
        self._stamp = self.file.stamp()
        self._take(self.file.load())

    def change(self, patch: Mapping[str, object], *, dry_run: bool = False) -> Edited:
        """Apply a merge patch to the file and put it in force.

        Raises what `ConfigFile.edit` raises; then nothing has changed.
        """
        edited = self.file.edit(patch, patience=LOOP_PATIENCE, dry_run=dry_run)
        if edited.has_changed:
            self._stamp = edited.loaded.stamp
            self._take(edited.loaded)
        return edited

    def _take(self, loaded: Loaded) -> None:
        self.problems = loaded.problems
        if loaded.problems:
            for problem in loaded.problems[:MOST_TOLD]:
                self._say(str(problem), "error")
            self._say(f"{self.file.path} is not valid; {self._stays}", "warning")
            return
        self._accept(*self.file.best(loaded))
        if loaded.is_missing:
            self._say(self._gone() or self.summary, "warning")
        else:
            self.file.keep_as_good(loaded)
            self._say(f"{self.file.path} was reloaded and is in force", "info")
        for subscriber in self._subscribers:
            subscriber(self.configuration)

    def _gone(self) -> str | None:
        copy = self.file.retire_last_good()
        if copy is None:
            return None
        return f"{self.file.path} is gone; the built-in settings are in force, and {copy} is a copy"

    def _say(self, message: str, level: Level) -> None:
        if self._note is not None:
            self._note(message, level)
