"""Mounts that depend on a server, as the kernel's own table has them.

Also tests `mount_table`.
"""

from __future__ import annotations

import io
from pathlib import Path

from styxy.adapters.projects.mount_table import MountTable
from styxy.adapters.projects.mounts import dependent_mount
from tests.hanging_mount import HangingMount


def test_the_disk_of_this_machine_depends_on_no_server() -> None:
    assert dependent_mount("/proc/self") is None
    assert dependent_mount("/") is None


def test_what_lies_on_a_mount_of_a_server_depends_on_it(tmp_path: Path) -> None:
    with HangingMount(tmp_path / "a mount\\here") as mount:
        place = str(mount.path)
        assert dependent_mount(place) == place
        assert dependent_mount(f"{place}/shop/web") == place
        assert dependent_mount(f"{tmp_path}/other/../a mount\\here/shop") == place
        assert dependent_mount(f"{place}-beside") is None
        mount.hang()
        assert dependent_mount(f"{place}/shop") == place  # nothing was looked at
    assert dependent_mount(place) is None


def test_a_table_can_be_closed_after_its_file_and_opened_again() -> None:
    table = MountTable()
    before = table.has_dependent()
    for each in vars(table).values():
        if isinstance(each, io.FileIO):
            each.close()  # as the collector does with a cycle, in whatever order
    table.close()
    assert table.has_dependent() == before
    table.close()
