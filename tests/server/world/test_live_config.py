"""The configuration in force: what a changed file does, and what a broken one does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from styxy.adapters.config_file import ConfigFile
from styxy.adapters.settings import Overrides
from styxy.core.config.configuration import Configuration
from styxy.core.errors import InvalidInput
from styxy.core.model.ports import Port
from styxy.server.world.live_config import LiveConfig


class ConfigHarness:
    """Hold a configuration with what it noted."""

    def __init__(self, folder: Path, overrides: Overrides) -> None:
        self.path = folder / "config.json"
        self.noted: list[tuple[str, str]] = []
        self.received: list[Configuration] = []
        self.live_config = LiveConfig(
            ConfigFile(str(self.path), backups=str(folder / "backups")),
            overrides,
            clock=lambda: 5.0,
        )
        self.gone = self.live_config.claim()
        self.live_config.begin(note=lambda message, level: self.noted.append((level, message)))
        self.live_config.subscribe(self.received.append)

    @property
    def source(self) -> str:
        """Where the configuration in force comes from."""
        return self.live_config.source

    @property
    def problems(self) -> int:
        """How much is wrong with the file."""
        return len(self.live_config.problems)

    def write(self, text: str) -> Configuration:
        """Put a file in place as an editor does, and have it noticed."""
        other = self.path.with_name("new")
        other.write_text(text)
        other.rename(self.path)
        self.live_config.refresh()
        return self.live_config.configuration


def make_harness(
    folder: Path, text: str | None = None, overrides: Overrides | None = None
) -> ConfigHarness:
    """Begin with a file, or with none."""
    if text is not None:
        (folder / "config.json").write_text(text)
    return ConfigHarness(folder, overrides or Overrides())


def test_a_changed_file_is_in_force(tmp_path: Path) -> None:
    harness = make_harness(tmp_path)
    assert harness.source == "built-in"
    assert harness.live_config.configuration == Configuration()
    assert harness.write('{"cleanup_interval": 5}').cleanup_interval == 5.0
    assert harness.source == "config.json"
    assert [each.cleanup_interval for each in harness.received] == [5.0]
    assert [level for level, _ in harness.noted] == ["info"]


def test_a_file_that_did_not_change_is_not_read(tmp_path: Path) -> None:
    harness = make_harness(tmp_path, "{}")
    harness.live_config.refresh()
    assert (harness.received, harness.noted) == ([], [])


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("", ":1:1: "),
        ('{"cleanup_interval": 5,}', ":1:"),
        ('{"cleanup_interval": "x"}', ": cleanup_interval must be "),
        ("\0" * 50, ":1:1: "),
        ("[]", ": the configuration must be "),
    ],
)
def test_a_broken_file_changes_nothing_and_is_told(tmp_path: Path, broken: str, named: str) -> None:
    good = '{"cleanup_interval": 5, "service_types": {"x": {"range": [2000, 2010]}}}'
    harness = make_harness(tmp_path, good)
    before = harness.live_config.configuration
    assert harness.write(broken) == before
    assert harness.received == []
    assert harness.problems == 1
    assert [level for level, _ in harness.noted] == ["error", "warning"]
    assert harness.noted[0][1].startswith(f"{harness.path}{named}")
    assert "the previous settings stay in force" in harness.noted[1][1]
    assert harness.write(good.replace("5,", "6,")).cleanup_interval == 6.0
    assert harness.problems == 0


def test_a_daemon_that_starts_with_a_broken_file_uses_the_last_good_one(tmp_path: Path) -> None:
    make_harness(tmp_path, '{"cleanup_interval": 5}')
    harness = make_harness(tmp_path, "{broken")
    assert harness.source == "last good copy"
    assert harness.live_config.configuration.cleanup_interval == 5.0
    assert "the last valid copy is in force" in harness.live_config.summary
    assert str(harness.path) + ":1:2" in harness.live_config.summary
    assert harness.live_config.origins == {"cleanup_interval": "last good copy"}


def test_a_file_that_is_deleted_is_told_once_and_its_copy_is_named(tmp_path: Path) -> None:
    harness = make_harness(tmp_path, '{"cleanup_interval": 5}')
    harness.path.unlink()
    harness.live_config.refresh()
    assert harness.live_config.configuration == Configuration()
    ((level, message),) = harness.noted
    assert level == "warning"
    (copy,) = re.findall(r"(/\S+) is a copy$", message)
    assert Path(copy).read_text() == '{"cleanup_interval": 5}'
    assert make_harness(tmp_path).gone is None


def test_a_file_that_was_deleted_while_no_daemon_ran_is_told(tmp_path: Path) -> None:
    make_harness(tmp_path, '{"cleanup_interval": 5}').path.unlink()
    assert "is gone" in (make_harness(tmp_path).gone or "")


def test_environment_and_option_win_over_every_file(tmp_path: Path) -> None:
    overrides = Overrides(values={"listen_port": Port(7000)}, origins={"listen_port": "--port"})
    harness = make_harness(tmp_path, '{"listen_port": 8000}', overrides)
    assert harness.live_config.configuration.listen_port == 7000
    assert harness.write('{"listen_port": 8001, "log_level": "debug"}').listen_port == 7000
    assert harness.live_config.configuration.log_level == "debug"
    assert harness.live_config.origins == {"listen_port": "--port", "log_level": "config.json"}


def test_a_change_is_in_force_at_once_and_read_once(tmp_path: Path) -> None:
    harness = make_harness(tmp_path)
    edited = harness.live_config.change({"cleanup_interval": 7})
    assert edited.has_changed
    assert [each.cleanup_interval for each in harness.received] == [7.0]
    harness.live_config.refresh()
    assert len(harness.received) == 1


def test_a_refused_change_changes_nothing(tmp_path: Path) -> None:
    harness = make_harness(tmp_path, "{}")
    with pytest.raises(InvalidInput, match="cleanup_interval must be"):
        harness.live_config.change({"cleanup_interval": "x"})
    assert harness.live_config.change({"cleanup_interval": 7}, dry_run=True).has_changed is False
    assert harness.received == []
    assert harness.path.read_text() == "{}"
