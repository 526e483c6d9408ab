"""Emulator suites: one command that starts several servers, each on its own port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.commands.tools.servers import Server, asks_for_information

if TYPE_CHECKING:
    from collections.abc import Sequence

FIREBASE: dict[str, tuple[str, int]] = {
    "hosting": ("dev", 5000),
    "functions": ("functions", 5001),
    "auth": ("auth", 9099),
    "firestore": ("database", 8080),
    "database": ("database", 9000),
    "dataconnect": ("database", 9399),
    "storage": ("infrastructure", 9199),
    "pubsub": ("messaging", 8085),
    "eventarc": ("messaging", 9299),
    "tasks": ("messaging", 9499),
    "ui": ("ui", 4000),
    "hub": ("hub", 4400),
}
"""The Firebase emulators with their default ports (Firebase Local Emulator Suite)."""


def emulators_of(program: str, args: Sequence[str]) -> list[Server] | None:
    """Return the emulators that a command starts, or None if it starts none."""
    if program not in ("firebase", "firebase-tools") or asks_for_information(args):
        return None
    if not {"emulators:start", "emulators:exec"} & set(args):
        return None
    names = _only(args)
    found = [
        Server(service_type=kind, port=port, program="firebase", where="default")
        for name in names
        for kind, port in (FIREBASE.get(name.partition(":")[0], ("hub", 4400)),)
    ]
    return found or [Server(service_type="hub", port=4400, program="firebase", where="default")]


def _only(args: Sequence[str]) -> list[str]:
    for place, word in enumerate(args):
        flag, equals, value = word.partition("=")
        if flag == "--only":
            return (value if equals else "".join(args[place + 1 : place + 2])).split(",")
    return []
