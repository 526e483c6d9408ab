"""What `styxy run` gives to a program: the library's copy and the environment."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styxy.adapters.paths import Paths
from styxy.client.interception.run import become, guest_environment, install_library
from styxy.core.errors import Unavailable


def install(home: Path, source: Path) -> Path:
    paths = Paths({"STYXY_HOME": str(home)})
    return Path(install_library(paths, version="1.2", source=str(source)))


def test_the_library_is_copied_whole_with_its_modes(tmp_path: Path) -> None:
    (tmp_path / "source.so").write_bytes(b"library")
    target = install(tmp_path / "home", tmp_path / "source.so")
    assert target == tmp_path / "home" / "lib" / "1.2" / "libstyxy.so"
    assert target.read_bytes() == b"library"
    assert target.stat().st_mode & 0o7777 == 0o755
    assert target.parent.stat().st_mode & 0o7777 == 0o700
    assert list(target.parent.iterdir()) == [target]


def test_a_home_that_is_made_for_the_copy_is_private(tmp_path: Path) -> None:
    (tmp_path / "source.so").write_bytes(b"library")
    install(tmp_path / "home", tmp_path / "source.so")
    assert (tmp_path / "home").stat().st_mode & 0o7777 == 0o700


def test_a_copy_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "source.so").write_bytes(b"library")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, hard))
    try:
        with pytest.raises(Unavailable, match="cannot copy libstyxy"):
            install(tmp_path / "home", tmp_path / "source.so")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "home" / "lib" / "1.2").iterdir()) == []


def test_nothing_is_copied_into_a_directory_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "source.so").write_bytes(b"library")
    (tmp_path / "home" / "bin").mkdir(parents=True)
    (tmp_path / "home").chmod(0o755)
    with pytest.raises(Unavailable, match="directory of its own"):
        install(tmp_path / "home", tmp_path / "source.so")
    assert [each.name for each in (tmp_path / "home").iterdir()] == ["bin"]


def test_a_copy_that_is_current_is_left_alone(tmp_path: Path) -> None:
    source = tmp_path / "source.so"
    source.write_bytes(b"library")
    first = install(tmp_path, source).stat().st_ino
    assert install(tmp_path, source).stat().st_ino == first


def test_a_library_built_anew_takes_the_place_of_the_old_copy(tmp_path: Path) -> None:
    source = tmp_path / "source.so"
    source.write_bytes(b"library")
    with install(tmp_path, source).open("rb") as mapped:
        source.write_bytes(b"better library")
        assert install(tmp_path, source).read_bytes() == b"better library"
        assert mapped.read() == b"library"  # who has the old file keeps it


def test_another_library_of_the_same_size_and_time_takes_the_place_of_the_old_copy(
    tmp_path: Path,
) -> None:
    source = tmp_path / "built.so"
    paths = Paths({"STYXY_HOME": str(tmp_path / "home")})
    for content in ("one", "two"):  # as archives with one time for all files have them
        source.write_text(content)
        os.utime(source, ns=(10**18, 10**18))
        installed = install_library(paths, version="1", source=str(source))
        assert Path(installed).read_text() == content


def test_a_new_home_that_others_can_write_is_closed_first(tmp_path: Path) -> None:
    (tmp_path / "source.so").write_bytes(b"library")
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o777)
    assert install(tmp_path / "home", tmp_path / "source.so").read_bytes() == b"library"
    assert (tmp_path / "home").stat().st_mode & 0o7777 == 0o700


def install_planted(tmp_path: Path, name: str, plant: Callable[[Path], object]) -> str:
    """Install, do something to a part of the way, and install again; return the refusal."""
    (tmp_path / "source.so").write_bytes(b"library")
    home = tmp_path / "home"
    install(home, tmp_path / "source.so")
    plant(home / name)
    with pytest.raises(Unavailable) as refused:
        install(home, tmp_path / "source.so")
    fix = refused.value.message.rpartition("; say: ")[2]
    assert refused.value.context["suggestions"] == [fix]
    assert refused.value.message == f"{home / name} {refused.value.message.split(' ', 1)[1]}"
    assert refused.value.message.endswith(f"so its code is not loaded; say: {fix}")
    subprocess.run(["/bin/sh", "-c", fix], check=True)
    assert install(home, tmp_path / "source.so").read_bytes() == b"library"
    return refused.value.message


WAY = ["", "lib", "lib/1.2", "lib/1.2/libstyxy.so"]
"""From the home to the library."""


@pytest.mark.parametrize("name", WAY)
@pytest.mark.parametrize("more", [0o020, 0o002])
def test_what_others_may_write_is_not_loaded(tmp_path: Path, name: str, more: int) -> None:
    refusal = install_planted(
        tmp_path, name, lambda path: path.chmod(path.stat().st_mode & 0o7777 | more)
    )
    assert "can be written by others" in refusal


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", WAY)
def test_what_belongs_to_another_user_is_not_loaded(tmp_path: Path, name: str) -> None:
    refusal = install_planted(tmp_path, name, lambda path: os.chown(path, 65534, -1))
    assert "belongs to another user (uid 65534)" in refusal


@pytest.mark.parametrize("name", WAY[1:])
def test_what_is_reached_over_a_link_is_not_loaded(tmp_path: Path, name: str) -> None:
    def turn_into_link(path: Path) -> None:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")

    assert "is a link" in install_planted(tmp_path, name, turn_into_link)


def test_a_library_that_was_there_before_the_home_was_ours_is_not_loaded(tmp_path: Path) -> None:
    """A stranger makes `lib` in a home that anybody may write; the home is closed, too late."""
    planted = tmp_path / "home" / "lib" / "1.2"
    planted.mkdir(parents=True)
    planted.parent.chmod(0o777)
    (planted / "libstyxy.so").write_bytes(b"planted")
    with pytest.raises(Unavailable, match="not loaded; say: chmod go-rwx"):
        install(tmp_path / "home", tmp_path / "no source.so")


def test_the_copy_outlives_the_package(tmp_path: Path) -> None:
    source = tmp_path / "source.so"
    source.write_bytes(b"library")
    target = install(tmp_path, source)
    source.unlink()
    assert install(tmp_path, source) == target


def test_a_package_without_a_library_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="without its native library"):
        install(tmp_path, tmp_path / "missing.so")


def test_a_path_that_a_preload_list_cannot_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source.so").write_bytes(b"")
    with pytest.raises(Unavailable, match="LD_PRELOAD cannot hold"):
        install(tmp_path / "my home", tmp_path / "source.so")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "/l/libstyxy.so"),
        ("", "/l/libstyxy.so"),
        ("/a.so", "/a.so:/l/libstyxy.so"),
        ("/a.so /b.so", "/a.so:/b.so:/l/libstyxy.so"),
        ("/l/libstyxy.so", "/l/libstyxy.so"),
        ("/old/libstyxy.so:/a.so", "/a.so:/l/libstyxy.so"),
    ],
)
def test_a_preload_list_is_kept_and_ours_is_added_once(before: str | None, after: str) -> None:
    env = {} if before is None else {"LD_PRELOAD": before}
    assert guest_environment(env, library="/l/libstyxy.so")["LD_PRELOAD"] == after


def test_without_a_backend_ours_is_taken_out() -> None:
    assert guest_environment({"LD_PRELOAD": "/l/libstyxy.so"}, library=None) == {}
    env = {"LD_PRELOAD": "/l/libstyxy.so:/a.so", "A": "b"}
    assert guest_environment(env, library=None) == {"LD_PRELOAD": "/a.so", "A": "b"}


def test_port_project_and_type_are_set_where_they_were_asked_for() -> None:
    env = guest_environment({"PORT": "1"}, library=None)
    assert env == {"PORT": "1"}
    env = guest_environment({}, library=None, port=3001, project="/p", service_type="dev")
    assert env == {"PORT": "3001", "STYXY_PROJECT": "/p", "STYXY_SERVICE_TYPE": "dev"}


@pytest.fixture
def signals_of_a_command() -> Iterator[None]:
    """Let a test give back the signals, as `become` does before it becomes another program."""
    given_back = (signal.SIGPIPE, signal.SIGXFSZ)
    before = {number: signal.getsignal(number) for number in given_back}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals_of_a_command")
def test_a_program_that_cannot_be_run_is_a_code_and_a_sentence(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("#!/nowhere/interpreter\n")
    env = {"PATH": "/nowhere"}
    assert become(["no-such-program"], env) == (127, "no-such-program: command not found")
    assert become([str(plain)], env) == (126, f"{plain}: Permission denied")
    assert become([str(tmp_path)], env) == (126, f"{tmp_path}: is a directory")
    plain.chmod(0o755)
    assert become([str(plain)], env) == (126, f"{plain}: its interpreter is missing")
    assert become([str(tmp_path)], env)[0] == 126
