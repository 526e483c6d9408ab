"""What a control group tells: a service, a container, or nothing of the kind."""

from __future__ import annotations

import pytest

from styxy.core.reports.cgroups import Unit, container_of, unit_of

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/nginx.service\n", Unit(name="nginx.service", scope="system")),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n",
            Unit(name="web.service", scope="user"),
        ),
        (
            "1:name=systemd:/system.slice/system-pg.slice/postgresql@16-main.service\n0::/\n",
            Unit(name="postgresql@16-main.service", scope="system"),
        ),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte-1.scope\n", None),
        ("0::/user.slice/user-1000.slice/user@1000.service\n", None),
        ("0::/\n", None),
        ("", None),
    ],
)
def test_a_service_is_told_from_a_session(cgroup: str, unit: Unit | None) -> None:
    assert unit_of(cgroup) == unit


@pytest.mark.parametrize(
    "cgroup",
    [
        f"0::/system.slice/docker-{ID}.scope\n",
        f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope\n",
        f"12:pids:/docker/{ID}\n",
    ],
)
def test_a_container_is_found_by_its_id(cgroup: str) -> None:
    assert container_of(cgroup) == ID


def test_most_processes_are_in_no_container() -> None:
    assert container_of("0::/user.slice/user-1000.slice/session-3.scope\n") is None
