"""A file of hooks: ours put into it and taken out of it, everything else left as it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

from styxy.client.agents.install.agents import Agent
from styxy.client.agents.install.entries import Entry, is_our_hook
from styxy.client.agents.install.json_edits import appended, removed, replaced
from styxy.client.agents.install.json_spans import NotReadable, Part, Value, parse
from styxy.core.errors import Conflict

NEW = "{}\n"

Path = tuple[str, ...]
"""The way to a container: `("hooks",)`, or with the event's name behind it."""


class HooksDocument:
    """What one agent's file is to hold. `where` names the file in messages."""

    def __init__(self, agent: Agent, wanted: Sequence[tuple[str, Entry]], *, where: str) -> None:
        self._agent = agent
        self._wanted = wanted
        self._where = where

    def with_ours(self, text: str | None) -> str:
        """Put our hooks behind those that are there. Raises `Conflict` if that cannot be done.

        An entry of ours that has changed is replaced where it stands: an agent may count.
        """
        if text is None or _is_blank(text):
            text = NEW
            for key, value in self._agent.shape.document.items():
                root = parse(text)
                text = appended(text, root, root, value, key)
        by_hand = f", or add by hand what this shows: styxy agent snippet {self._agent.name}"
        self._root(text, otherwise=by_hand)
        if not self._agent.takes_comments and not _is_strict(text):
            raise Conflict(
                f"{self._where} has comments or a comma too many, and {self._agent.title} reads "
                "nothing of such a file; mend it and try again"
            )
        for event, entry in self._wanted:
            text = self._with_entry(text, event, entry)
        wanted = {event for event, _ in self._wanted}
        return self._without(text, spare=wanted, keep=())

    def without_ours(self, text: str, *, keep: Collection[Path] = ()) -> str:
        """Take our hooks out, and the containers that are empty then, but those in `keep`."""
        return self._without(text, spare=(), keep=keep)

    def has_ours(self, text: str) -> bool:
        """Tell whether any hook of ours is there."""
        return any(True for _ in self._ours(text))

    def switched_off(self, text: str) -> str | None:
        """Name the setting that turns all hooks off, if it does."""
        if self._agent.switch is None:
            return None
        path, value = self._agent.switch
        found: object = self._root(text).data
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return ".".join(path) if found is value else None

    def refused(self, text: str) -> str | None:
        """Say why the agent reads nothing of a file that is JSON as it should be."""
        cause = self._cause(text)
        if cause is None:
            return None
        return f"{self._agent.title} reads nothing of {self._where} because of {cause}; remove that"

    def _cause(self, text: str) -> str | None:
        shape, root = self._agent.shape, self._root(text)
        for part in root.parts if shape.keys else ():
            if part.key not in shape.keys:
                return f'its key "{part.key}"'
        hooks = self._hooks(root)
        for hook in _all_hooks(hooks.value) if shape.types and hooks is not None else ():
            kind = hook.get("type")
            if kind not in shape.types:
                return "a hook without a type" if kind is None else f'a hook of the type "{kind}"'
            if kind == "command" and not isinstance(hook.get("command"), str):
                return "a hook without a command"
        return None

    def is_bare(self, text: str) -> bool:
        """Tell whether a file says nothing."""
        data = self._root(text).data
        known = {**self._agent.shape.document, "hooks": {}}
        return isinstance(data, dict) and all(
            key in known and value == known[key] for key, value in data.items()
        )

    def empty(self, text: str) -> list[Path]:
        """List the containers that hold nothing."""
        hooks = self._hooks(self._root(text))
        if hooks is None:
            return []
        if not hooks.value.parts:
            return [("hooks",)]
        return [("hooks", part.key or "") for part in hooks.value.parts if not part.value.parts]

    def is_last(self, text: str) -> bool:
        """Tell whether nothing stands behind our hooks."""
        return all(events.value.parts[-1] == entry for events, entry in self._ours(text))

    def _root(self, text: str, *, otherwise: str = " and try again") -> Value:
        try:
            root = parse(NEW if _is_blank(text) else text)
        except NotReadable as error:
            where = f"{self._where}:{error.line}:{error.column}"
            broken = f"{where}: {error.sentence}; mend the file"
            raise Conflict(f"{broken}{otherwise}") from None
        if not root.is_object:
            raise Conflict(f"{self._where} must hold an object; move the file away")
        return root

    def _hooks(self, root: Value) -> Part | None:
        hooks = root.get("hooks")
        if hooks is None:
            return None
        if not hooks.value.is_object:
            raise Conflict(f"hooks in {self._where} must be an object; mend the file")
        for part in hooks.value.parts:
            if not part.value.is_list and self._has_event(part.key):
                raise Conflict(f"hooks.{part.key} in {self._where} must be a list; mend the file")
        return hooks

    def _has_event(self, name: str | None) -> bool:
        return any(event == name for event, _ in self._wanted)

    def _ours(self, text: str) -> Iterator[tuple[Part, Part]]:
        """List the entries that hold a hook of ours, each with the list of its event."""
        hooks = self._hooks(self._root(text))
        for events in hooks.value.parts if hooks is not None else ():
            for entry in events.value.parts if events.value.is_list else ():
                if any(map(is_our_hook, _hooks_in(entry.value.data))):
                    yield events, entry

    def _with_entry(self, text: str, event: str, entry: Entry) -> str:
        while len(ours := [part for events, part in self._ours(text) if events.key == event]) > 1:
            text = self._without_last(text, event)
        if ours and ours[0].value.data == entry:
            return text
        if ours and all(map(is_our_hook, _hooks_in(ours[0].value.data))):
            return replaced(text, self._root(text), ours[0], entry)
        while any(events.key == event for events, _ in self._ours(text)):
            text = self._without_last(text, event)  # somebody's own hook is in our group
        root = self._root(text)
        hooks = self._hooks(root)
        if hooks is None:
            return appended(text, root, root, {event: [entry]}, "hooks")
        events = hooks.value.get(event)
        if events is None:
            return appended(text, root, hooks.value, [entry], event)
        return appended(text, root, events.value, entry)

    def _without_last(self, text: str, event: str) -> str:
        """Take the last hook of ours out of an event, and its entry if that holds nothing else."""
        events, entry = [pair for pair in self._ours(text) if pair[0].key == event][-1]
        root = self._root(text)
        group = entry.value.get("hooks") if self._agent.shape.has_groups else None
        if group is None or all(map(is_our_hook, _hooks_in(entry.value.data))):
            return removed(text, root, events.value, entry)
        own = [part for part in group.value.parts if is_our_hook(part.value.data)]
        return removed(text, root, group.value, own[-1])

    def _without(self, text: str, *, spare: Collection[str], keep: Collection[Path]) -> str:
        touched = []
        while event := next((each for each in self._events(text) if each not in spare), None):
            text = self._without_last(text, event)
            touched.append(event)
        for event in dict.fromkeys(touched):
            text = self._without_empty(text, ("hooks", event), keep)
        return self._without_empty(text, ("hooks",), keep) if touched else text

    def _events(self, text: str) -> Iterator[str]:
        return (events.key or "" for events, _ in self._ours(text))

    def _without_empty(self, text: str, path: Path, keep: Collection[Path]) -> str:
        container = root = self._root(text)
        part: Part | None = None
        for key in path:
            container = part.value if part is not None else root
            part = container.get(key)
            if part is None:
                return text
        if part is None or part.value.parts or path in keep:
            return text
        return removed(text, root, container, part)


def _is_blank(text: str) -> bool:
    """Tell whether a file is empty, as `touch` makes it; nothing is cut out of such a file."""
    return not text.strip("\ufeff \t\r\n")


def _is_strict(text: str) -> bool:
    """Tell whether a text that is read here is JSON to the letter (RFC 8259)."""
    try:
        json.loads(text.removeprefix("\ufeff"))
    except ValueError:
        return False
    return True


def _all_hooks(hooks: Value) -> Iterator[Entry]:
    """List the hooks of all events, whosever they are."""
    for events in hooks.parts:
        for entry in events.value.parts if events.value.is_list else ():
            yield from (each for each in _hooks_in(entry.value.data) if isinstance(each, dict))


def _hooks_in(entry: object) -> list[object]:
    """List the hooks of an entry: those of a group, or the entry itself."""
    group = entry.get("hooks") if isinstance(entry, dict) else None
    return group if isinstance(group, list) else [entry]
