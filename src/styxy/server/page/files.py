"""The page's files, as they are in the package: nothing is built, and nothing comes from elsewhere.

They say nothing of the machine, so nobody has to sign in for them. The policy (Content Security
Policy 3) lets the page run its own files and speak to its own daemon, and nothing else: text of a
program that looks like HTML stays text, and no site can show the page in a frame.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from styxy.server.net.responses import text_answer

if TYPE_CHECKING:
    from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page/style.css": ("style.css", "text/css; charset=utf-8"),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
    **{
        f"/page/{name}": (name, "text/javascript; charset=utf-8")
        for name in (
            "main.js", "model.js", "daemon.js", "rows.js", "views.js", "dialogs.js", "keys.js",
            "words.js", "preact.js",
        )
    },
}  # fmt: skip
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


def answer(path: str) -> Response:
    """Answer with the file of a path."""
    name, media = FILES[path]
    return text_answer(_content(name), media, headers=HEADERS)


@functools.cache
def _content(name: str) -> bytes:
    return (FOLDER / name).read_bytes()
