"""The page's files, as they are in the package: nothing is built, and nothing comes from elsewhere.

They say nothing of the machine, so nobody has to sign in for them. The policy (Content Security
Policy 3) lets the page run its own files and speak to its own daemon, and nothing else: text of a
program that looks like HTML stays text, and no site can show the page in a frame.

A browser keeps all but the first file for as long as this daemon runs, and draws in half the time
when it comes back. Their folder has another name in each daemon, which nobody can know before:
whoever has the port while no daemon runs could otherwise leave scripts of its own in the browser,
under a name that the next daemon's page would load.
"""

from __future__ import annotations

import functools
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from styxy.server.net.responses import text_answer

if TYPE_CHECKING:
    from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"

START = "/"
"""The path of the first file."""

WRITTEN = "/page/"
"""The folder of the others as the first file has it."""

SERVED = f"{WRITTEN}{secrets.token_hex(8)}/"
"""Their folder in this process."""

SCRIPTS = (
    "main.js", "model.js", "daemon.js", "rows.js", "views.js", "dialogs.js", "keys.js", "words.js",
    "preact.js",
)  # fmt: skip

FILES = {
    START: ("index.html", "text/html; charset=utf-8"),
    f"{SERVED}style.css": ("style.css", "text/css; charset=utf-8"),
    f"{SERVED}icon.svg": ("icon.svg", "image/svg+xml"),
    **{f"{SERVED}{name}": (name, "text/javascript; charset=utf-8") for name in SCRIPTS},
}
"""The name and the type of each file, by its path."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

KEPT = {"cache-control": "private, max-age=86400, immutable"}
"""Longer than a browser stays signed in (RFC 8246 for `immutable`)."""


def answer(path: str) -> Response:
    """Answer with the file of a path."""
    name, media = FILES[path]
    kept = {} if path == START else KEPT
    return text_answer(content(name), media, headers={**HEADERS, **kept})


def name_of(path: str) -> str:
    """Return the path of a file as it is in every daemon."""
    return path.replace(SERVED, WRITTEN)


@functools.cache
def content(name: str) -> bytes:
    """Return what is served as a file."""
    found = (FOLDER / name).read_bytes()
    return found.replace(f'"{WRITTEN}'.encode(), f'"{SERVED}'.encode())
