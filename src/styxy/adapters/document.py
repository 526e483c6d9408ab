"""The user's Markdown file with the table of ranges: read whole, replaced in one step."""

from __future__ import annotations

import stat

from styxy.adapters.config_file import read_regular, write_whole
from styxy.core.config.port_document import with_table
from styxy.core.errors import Unavailable

LARGEST = 4 * 1024 * 1024
"""Bytes; a document for people is smaller, so anything larger is a mistake in the setting."""


def put_table(path: str, text: str, *, today: str | None = None) -> bool:
    """Update the table in a file; return whether anything had to change.

    `today` is an RFC 3339 date, written beside a table that changes. A missing file is created.
    Raises `Unavailable`, or `Conflict` if the file does not have exactly one pair of markers; the
    file is then unchanged.
    """
    try:
        content, status = read_regular(path, most=LARGEST)
        _check_size(content or b"")
        new = with_table(content or b"", text, today=today)
        if new == content:
            return False
        write_whole(path, new, mode=stat.S_IMODE(status.st_mode) if status else 0o644)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror or error}") from error
    return True


def read_document(path: str) -> str:
    """Read Markdown that the user named: a file, a link to one, or a pipe. Raises `Unavailable`."""
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
        _check_size(content)
    except FileNotFoundError:
        raise Unavailable(f"no such file: {path}") from None
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror or error}") from error
    return content.decode("utf-8", "replace")


def _check_size(content: bytes) -> None:
    if len(content) > LARGEST:
        raise OSError(f"larger than {LARGEST} bytes")
