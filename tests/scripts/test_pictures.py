"""The pictures of README and docs are shown somewhere, ask no other host, and can be made again."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from scripts.pictures import PAGE_SIZE, PICTURES, ROOT
from tests.network import own_network
from tests.programs.browser import PLAYWRIGHT

NAMES = ["page-dark.png", "page.png", "session.svg", "top.svg"]
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]


def words_of(drawing: Path) -> str:
    """The text of a drawing, with ordinary blanks."""
    root = ElementTree.parse(drawing).getroot()
    return "\n".join(each.text or "" for each in root.iter() if each.tag.endswith("}text")).replace(
        "\u00a0", " "
    )


def size_of(picture: Path) -> tuple[int, int]:
    """The width and height of a PNG (its specification, 11.2.1)."""
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", head[16:])
    return width, height


def test_there_are_all_pictures_and_no_others() -> None:
    assert sorted(each.name for each in PICTURES.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_picture_is_shown_and_described(name: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    assert any(re.search(rf"!\[[^\]]{{20,}}\]\([^)]*pictures/{name}\)", text) for text in texts)


@pytest.mark.parametrize("name", ["session.svg", "top.svg"])
def test_a_drawing_asks_no_other_host(name: str) -> None:
    text = (PICTURES / name).read_text(encoding="utf-8")
    assert re.findall(r"(?:href|src)=|url\((?!#)|@import|@font-face|<script", text) == []


@pytest.mark.parametrize("name", ["session.svg", "top.svg"])
def test_a_drawing_names_no_path_of_the_machine_that_made_it(name: str) -> None:
    assert str(ROOT) not in words_of(PICTURES / name)
    assert "/tmp/" not in words_of(PICTURES / name)


@pytest.mark.slow
def test_all_are_made_by_one_command(tmp_path: Path) -> None:
    if missing := PLAYWRIGHT.missing():
        pytest.skip(f"Chromium by Playwright: {missing}")
    if not own_network():
        pytest.skip("the kernel allows no network of one's own here")
    done = subprocess.run(
        [sys.executable, "-m", "scripts.pictures", "--into", str(tmp_path / "made")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(each.name for each in (tmp_path / "made").iterdir()) == NAMES
    session = words_of(tmp_path / "made/session.svg")
    assert "✓ STYXY: Port 8000 was in use, auto-assigned port 8001" in session
    assert re.search(r"main\n+login\n+search", session)
    assert "~/shop-search" in words_of(tmp_path / "made/top.svg")
    assert size_of(tmp_path / "made/page.png") == PAGE_SIZE
    assert size_of(tmp_path / "made/page-dark.png") == PAGE_SIZE
