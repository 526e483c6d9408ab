"""The user's Markdown file: made, brought up to date, and left alone where it must be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styxy.adapters.document import put_table, read_document
from styxy.core.config.port_document import BEGIN, END
from styxy.core.errors import StyxyError, Unavailable


def test_a_missing_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "PORTS.md"
    assert put_table(str(path), "| a |")
    assert path.read_bytes() == BEGIN + b"\n\n| a |\n\n" + END + b"\n"
    assert not put_table(str(path), "| a |")


def test_the_rest_of_the_file_and_its_mode_stay(tmp_path: Path) -> None:
    path = tmp_path / "PORTS.md"
    path.write_bytes(b"\xff top\r\n" + BEGIN + b"\r\nold\r\n" + END + b"\r\nbottom")
    path.chmod(0o664)
    assert put_table(str(path), "| new |")
    content = path.read_bytes()
    assert content.startswith(b"\xff top\r\n" + BEGIN)
    assert content.endswith(END + b"\r\nbottom")
    assert b"| new |" in content
    assert b"old" not in content
    assert path.stat().st_mode & 0o777 == 0o664
    assert "new" in read_document(str(path))


def test_what_cannot_be_written_is_a_sentence_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "PORTS.md"
    (tmp_path / "theirs").write_text("theirs")
    path.symlink_to(tmp_path / "theirs")
    with pytest.raises(Unavailable, match="cannot write"):
        put_table(str(path), "| a |")
    assert (tmp_path / "theirs").read_text() == "theirs"
    with pytest.raises(Unavailable, match="No such file"):
        put_table(str(tmp_path / "no" / "where.md"), "| a |")
    path.unlink()
    path.write_bytes(BEGIN)
    with pytest.raises(StyxyError, match="leave one pair"):
        put_table(str(path), "| a |")
    assert path.read_bytes() == BEGIN
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unavailable, match="not a regular file"):
        put_table(str(tmp_path / "pipe"), "| a |")


def test_a_document_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no such file"):
        read_document(str(tmp_path / "none.md"))
    with pytest.raises(Unavailable, match="Is a directory"):
        read_document(str(tmp_path))
    with pytest.raises(Unavailable, match="larger than"):
        read_document("/dev/zero")
