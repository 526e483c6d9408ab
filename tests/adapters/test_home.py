"""The home: its token kept secret, its directories made private."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styxy.adapters.home import load_token, private_directory, private_home
from styxy.core.errors import StyxyError, Unavailable

# --- the token -----------------------------------------------------------------------------------


def test_a_token_is_made_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "auth.token"
    old = os.umask(0)
    try:
        token = load_token(str(path))
    finally:
        os.umask(old)
    assert len(token) == 64
    assert set(token) <= set("0123456789abcdef")
    assert path.read_text() == token + "\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_token(str(path)) == token


def test_two_homes_have_two_tokens(tmp_path: Path) -> None:
    assert load_token(str(tmp_path / "one")) != load_token(str(tmp_path / "two"))


def test_a_token_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "auth.token"
    token = load_token(str(path))
    path.chmod(0o644)
    assert load_token(str(path)) == token
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\n", b"abc\n", b"g" * 64, b"A" * 64, b"0" * 63, b"0" * 65, b"\xff" * 64, bytes(64)],
    ids=repr,
)
def test_a_damaged_token_is_replaced(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "auth.token"
    path.write_bytes(damaged)
    token = load_token(str(path))
    assert len(token) == 64
    assert path.read_text() == token + "\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_planted_link_is_not_taken_for_the_token(tmp_path: Path) -> None:
    target = tmp_path / "theirs"
    target.write_text("0" * 64)
    target.chmod(0o644)
    (tmp_path / "auth.token").symlink_to(target)
    with pytest.raises(StyxyError, match=r"auth\.token"):
        load_token(str(tmp_path / "auth.token"))
    assert target.read_text() == "0" * 64
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_directory_is_not_taken_for_the_token(tmp_path: Path) -> None:
    (tmp_path / "auth.token").mkdir()
    with pytest.raises(StyxyError, match=r"auth\.token"):
        load_token(str(tmp_path / "auth.token"))


# --- private directories -------------------------------------------------------------------------


def test_a_directory_is_made_private_with_its_parents(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        private_directory(str(tmp_path / "a" / "b"))
    finally:
        os.umask(old)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a").stat().st_mode & 0o022 == 0, "nobody else may rename what lies in it"


def test_an_open_directory_is_closed_to_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    private_directory(str(home))
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mark", ["styxy.db", "config.json", "auth.token", "daemon.json"])
def test_an_open_home_is_closed_to_others(tmp_path: Path, mark: str) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "home" / mark).touch()
    private_home(str(tmp_path / "home"))
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_a_directory_of_other_things_is_no_home_and_nobody_is_locked_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("bin", "lib", "logs", "run"):
        (root / name).mkdir(parents=True)
    root.chmod(0o755)
    with pytest.raises(Unavailable, match=f"chmod 700 {root}"):
        private_home(str(root))
    assert root.stat().st_mode & 0o777 == 0o755
    root.chmod(0o700)
    private_home(str(root))  # the user says so


def test_a_link_is_not_taken_for_a_directory(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o755)
    (tmp_path / "home").symlink_to(tmp_path / "theirs")
    with pytest.raises(Unavailable, match="is a link"):
        private_directory(str(tmp_path / "home"))
    assert (tmp_path / "theirs").stat().st_mode & 0o777 == 0o755


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(Unavailable, match="cannot make the directory"):
        private_directory(str(tmp_path / "home"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_another_users_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 65534, 65534)
    with pytest.raises(Unavailable, match="another user's"):
        private_directory(str(tmp_path / "home"))
