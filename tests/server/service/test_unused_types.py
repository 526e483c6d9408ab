"""Service types that were made and never used go after a day, from config.json as well.

Also tests `ranges`, by a clock of the test's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from styxy.adapters.config_file import ConfigFile
from styxy.adapters.settings import Overrides
from styxy.core.books.events import Event, Noted, RangeRemoved
from styxy.core.decisions.requests import LeaseRequest
from styxy.core.decisions.retention import DAY
from styxy.server.service.committer import Committer
from styxy.server.service.ranges import MadeRanges
from styxy.server.world.counts import Counts
from styxy.server.world.live_config import LiveConfig
from tests.core.desk_harness import DeskHarness


class RangesHarness:
    """Made types under test, with their desk and a real file."""

    def __init__(self, folder: Path) -> None:
        self.harness = DeskHarness()
        self.path = folder / "config.json"
        self.live_config = LiveConfig(
            ConfigFile(str(self.path), backups=str(folder / "backups")),
            Overrides(),
            clock=lambda: self.harness.now,
        )
        self.live_config.subscribe(self.harness.desk.configure)
        committer = Committer(
            self.harness.desk, self, counts=Counts(), clock=lambda: self.harness.now
        )
        self.ranges = MadeRanges(committer, self.live_config)
        self.ranges.start()

    def append(self, events: Sequence[Event]) -> None:
        """Write down, as a journal does."""
        self.harness.written += events

    def use_up(self, name: str) -> None:
        """Have a type made, and give the lease back."""
        request = LeaseRequest(service_type=name)
        ruling = self.harness.desk.allocate(
            request, lease_id=self.harness.new_id(), now=self.harness.now
        )
        self.ranges.commit(ruling.events)
        self.harness.release(ruling.answer.lease.lease_id)

    def entries(self) -> dict[str, Any]:
        """Read the service types of the file."""
        found = json.loads(self.path.read_text())["service_types"]
        assert isinstance(found, dict)
        return found


def test_a_made_type_goes_after_a_day_and_what_is_written_by_hand_stays(tmp_path: Path) -> None:
    by_hand = {"range": [20000, 20009], "description": "mine"}
    (tmp_path / "config.json").write_text(json.dumps({"service_types": {"hand": by_hand}}))
    types = RangesHarness(tmp_path)
    types.use_up("grafana")
    assert types.entries().keys() == {"hand", "grafana"}
    types.ranges.forget()
    types.harness.now += DAY - 1
    types.ranges.forget()
    assert types.entries().keys() == {"hand", "grafana"}
    types.harness.now += 1
    types.ranges.forget()
    assert types.entries() == {"hand": by_hand}
    assert "grafana" not in types.harness.desk.catalogue
    removed, said = types.harness.written[-2:]
    assert isinstance(removed, RangeRemoved)
    assert isinstance(said, Noted)
    assert "forgot 1 service type" in said.message
    assert "grafana" in said.message


def test_a_made_type_that_the_user_has_edited_stays(tmp_path: Path) -> None:
    types = RangesHarness(tmp_path)
    types.use_up("grafana")
    edited = {**types.entries()["grafana"], "description": "mine now"}
    types.path.write_text(json.dumps({"service_types": {"grafana": edited}}))
    types.live_config.reload()
    types.harness.now += 2 * DAY
    types.ranges.forget()
    assert types.entries() == {"grafana": edited}


def test_a_file_that_is_broken_is_left_alone_until_it_is_mended(tmp_path: Path) -> None:
    types = RangesHarness(tmp_path)
    types.use_up("grafana")
    whole = types.path.read_text()
    types.path.write_text("{")
    types.live_config.reload()
    types.harness.now += 2 * DAY
    types.ranges.forget()
    assert types.path.read_text() == "{"
    types.path.write_text(whole)
    types.live_config.reload()
    types.ranges.forget()
    assert types.entries() == {}
