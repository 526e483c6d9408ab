"""`config.json` on disk: what is read, how it is edited, and what a killed editor leaves."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import styxy
from styxy.adapters.config_file import COPIES_KEPT, LARGEST, ConfigFile, Loaded
from styxy.core.config.configuration import Configuration
from styxy.core.errors import Conflict, InvalidInput, Unavailable
from tests.fakes import clean_environment

PATCH = {"auto_allocation": {"gap_size": 5}}


class Clock:
    """Give a time a second later each time."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> ConfigFile:
    """Give a configuration file that is not there yet."""
    return ConfigFile(
        str(tmp_path / "config.json"), backups=str(tmp_path / "backups"), clock=Clock()
    )


def written(file: ConfigFile, content: str | bytes) -> Loaded:
    """Put something on disk as a user would, and read it."""
    Path(file.path).write_bytes(content.encode() if isinstance(content, str) else content)
    return file.load()


def on_disk(file: ConfigFile) -> object:
    """Read the file as JSON."""
    return json.loads(Path(file.path).read_text())


def test_no_file_is_the_built_in_configuration(file: ConfigFile) -> None:
    loaded = file.load()
    assert loaded.is_missing
    assert loaded.configuration == Configuration()
    assert file.stamp() is None


def test_a_file_that_is_in_order_is_in_force(file: ConfigFile) -> None:
    loaded = written(file, '\ufeff{"cleanup_interval": 5}')
    assert loaded.problems == ()
    assert loaded.configuration.cleanup_interval == 5.0
    assert loaded.stamp == file.stamp()


@pytest.mark.parametrize(
    ("content", "where", "words"),
    [
        ("", ":1:1", "expecting value"),
        ('{\n  "listen_port": 9876\n  "log_level": "info"}', ":3:3", "expecting ',' delimiter"),
        ('{"a": "NaN",\n "cleanup_interval": NaN}', ":2:22", "NaN is not a JSON number"),
        ('{\n  "listen_prot": 9876\n}', "", "listen_prot is unknown; did you mean 'listen_port'"),
        ('{"auto_allocation": {\n  "gap_size": "x"}}', "", "auto_allocation.gap_size must be"),
        ('{"log_level": "info",\n "log_level": "debug"}', "", "log_level is there a second time"),
        (
            '{"service_types": {\n\n"x": {\n"range": [3050, 3060]}}}',
            "",
            "x.range 3050-3060 overlaps dev",
        ),
        ("[]", "", "the configuration must be an object"),
        (b'{"a":\n "\xff"}', ":2:3", "not UTF-8"),
        (b"\0" * 100, ":1:1", "expecting value"),
        (b" " * (LARGEST + 1), "", "larger than 1048576 bytes"),
    ],
)
def test_a_problem_names_its_file_and_key_and_a_syntax_error_its_line(
    file: ConfigFile, content: str | bytes, where: str, words: str
) -> None:
    (problem,) = written(file, content).problems
    assert str(problem).startswith(f"{file.path}{where}: ")
    assert words in str(problem)


def test_a_link_a_directory_and_a_pipe_are_no_file(file: ConfigFile, tmp_path: Path) -> None:
    path = Path(file.path)
    (tmp_path / "theirs").write_text("{}")
    path.symlink_to(tmp_path / "theirs")
    assert "it is a link" in str(file.load().problems[0])
    with pytest.raises(Conflict, match="it is a link"):
        file.edit(PATCH)
    assert (tmp_path / "theirs").read_text() == "{}"
    path.unlink()
    path.mkdir()
    assert "not a regular file" in str(file.load().problems[0])
    path.rmdir()
    os.mkfifo(path)
    assert "not a regular file" in str(file.load().problems[0])


def test_an_edit_makes_a_private_file(file: ConfigFile) -> None:
    old = os.umask(0)
    try:
        edited = file.edit(PATCH)
    finally:
        os.umask(old)
    assert edited.has_changed
    assert edited.copy is None
    assert edited.loaded.configuration.auto_allocation.gap_size == 5
    assert edited.loaded.stamp == file.stamp()
    assert on_disk(file) == PATCH
    assert Path(file.path).stat().st_mode & 0o777 == 0o600


def test_an_edit_keeps_the_rest_and_a_copy_of_what_was(file: ConfigFile, tmp_path: Path) -> None:
    before = '{"// mine": 1, "log_level": "debug", "autoAllocation": {"gapSize": 3}}'
    written(file, before)
    edited = file.edit(PATCH)
    assert on_disk(file) == {
        "// mine": 1,
        "log_level": "debug",
        "autoAllocation": {"gapSize": 5},
    }
    assert edited.copy is not None
    assert Path(edited.copy).read_text() == before
    assert Path(edited.copy).parent == tmp_path / "backups"
    assert Path(edited.copy).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "backups").stat().st_mode & 0o777 == 0o700


def test_an_edit_that_changes_nothing_writes_nothing(file: ConfigFile) -> None:
    file.edit(PATCH)
    stamp = file.stamp()
    assert not file.edit(PATCH).has_changed
    assert file.stamp() == stamp


def test_a_dry_run_writes_nothing(file: ConfigFile) -> None:
    edited = file.edit(PATCH, dry_run=True)
    assert edited.loaded.configuration.auto_allocation.gap_size == 5
    assert file.stamp() is None


def test_only_the_newest_copies_are_kept(file: ConfigFile, tmp_path: Path) -> None:
    for gap in range(COPIES_KEPT + 5):
        file.edit({"auto_allocation": {"gap_size": gap}})
    copies = sorted((tmp_path / "backups").glob("config-2*.json"))
    assert len(copies) == COPIES_KEPT
    last = json.loads(copies[-1].read_text())
    assert last["auto_allocation"]["gap_size"] == COPIES_KEPT + 3


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"listen_prot": 1}, "did you mean"),
        ({"service_types": {"x": {"range": [3050, 3060]}}}, "overlaps dev"),
        ({"auto_allocation": {"gap_size": "many"}}, "must be a whole number"),
    ],
)
def test_an_edit_that_would_break_the_file_is_refused(
    file: ConfigFile, patch: dict[str, object], words: str
) -> None:
    file.edit(PATCH)
    with pytest.raises(InvalidInput, match=words):
        file.edit(patch)
    assert on_disk(file) == PATCH


def test_a_file_that_does_not_parse_is_not_edited(file: ConfigFile) -> None:
    written(file, '{"listen_port": ')
    with pytest.raises(Conflict, match=r"config\.json:1:17: .*; mend the file first"):
        file.edit(PATCH)
    assert Path(file.path).read_text() == '{"listen_port": '


def test_an_edit_may_mend_one_problem_of_two(file: ConfigFile) -> None:
    written(file, '{"enforce_ranges": 1, "cleanup_interval": "x"}')
    edited = file.edit({"enforce_ranges": True})
    assert [problem.key for problem in edited.loaded.problems] == ["cleanup_interval"]


def test_an_editor_that_never_ends_is_a_sentence(file: ConfigFile) -> None:
    with open(file.path + ".lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="another process is editing"):
            file.edit(PATCH, patience=0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_that_takes_nothing_is_a_sentence(file: ConfigFile, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Unavailable, match="cannot write"):
        file.edit(PATCH)


def test_the_last_good_file_stands_in_for_a_broken_one(file: ConfigFile) -> None:
    assert file.best(file.load()) == (Loaded.nothing(), "built-in")
    good = written(file, '{"cleanup_interval": 5}')
    assert file.best(good) == (good, "config.json")
    file.keep_as_good(good)
    broken = written(file, "broken")
    kept, source = file.best(broken)
    assert source == "last good copy"
    assert kept.configuration == good.configuration
    assert kept.keys == ["cleanup_interval"]


def test_without_a_good_copy_the_built_in_settings_stand_in(file: ConfigFile) -> None:
    broken = written(file, "broken")
    assert file.best(broken) == (Loaded.nothing(), "built-in")
    file.keep_as_good(written(file, "{}"))
    Path(file.backups, "config-last-good.json").write_text("broken, too")
    assert file.best(broken) == (Loaded.nothing(), "built-in")


def test_the_copy_of_a_file_that_is_gone_is_put_aside(file: ConfigFile) -> None:
    assert file.retire_last_good() is None
    file.keep_as_good(written(file, "{}"))
    copy = file.retire_last_good()
    assert copy is not None
    assert Path(copy).read_text() == "{}"
    assert file.retire_last_good() is None


EDITOR = """
import sys
from styxy.adapters.config_file import ConfigFile
file = ConfigFile(sys.argv[1], backups=sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[4])):
    first = 20000 + int(sys.argv[3]) * 1000 + number * 10
    file.edit({"service_types": {f"t-{first}": {"range": [first, first + 4]}}}, patience=30)
    print(first, flush=True)
"""


def start_editors(file: ConfigFile, count: int, edits: int) -> Iterator[subprocess.Popen[str]]:
    """Start processes that edit one file, each with types of its own, at one word."""
    env = clean_environment(PYTHONPATH=str(Path(styxy.__file__).parent.parent))
    for number in range(count):
        yield subprocess.Popen(
            [sys.executable, "-c", EDITOR, file.path, file.backups, str(number), str(edits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )


def release(editors: list[subprocess.Popen[str]]) -> None:
    """Let all editors begin."""
    for editor in editors:
        assert editor.stdout is not None
        assert editor.stdout.readline() == "ready\n"
    for editor in editors:
        assert editor.stdin is not None
        editor.stdin.write("\n")
        editor.stdin.flush()


def test_editors_at_the_same_time_lose_nothing_of_each_other(file: ConfigFile) -> None:
    editors = list(start_editors(file, 4, 5))
    release(editors)
    for editor in editors:
        editor.communicate(timeout=60)
        assert editor.returncode == 0
    loaded = file.load()
    assert loaded.problems == ()
    assert len(loaded.configuration.service_types) == 20


def test_an_editor_that_is_killed_leaves_a_whole_file_and_no_lock(
    file: ConfigFile, tmp_path: Path
) -> None:
    for round_number in range(5):
        (editor,) = start_editors(file, 1, 1000)
        release([editor])
        assert editor.stdout is not None
        acknowledged = [int(editor.stdout.readline()) for _ in range(round_number + 1)]
        editor.send_signal(signal.SIGKILL)
        rest, _ = editor.communicate(timeout=60)
        acknowledged += [int(line) for line in rest.splitlines()]
        loaded = file.load()
        assert loaded.problems == ()
        names = {each.name for each in loaded.configuration.service_types}
        assert {f"t-{first}" for first in acknowledged} <= names
        file.edit({"service_types": None}, patience=0)
        assert [each.name for each in tmp_path.glob("*.tmp")] == []
