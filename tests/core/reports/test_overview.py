"""Where a server is opened, and how full the ranges are."""

from __future__ import annotations

import pytest

from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import Catalogue, ServiceType
from styxy.core.reports.overview import PortMarks, nearly_full, url_of

SMALL = ServiceType(
    name="small",
    ports=PortRange(Port(7000), Port(7007)),
    more=(PortRange(Port(7100), Port(7101)),),
)


@pytest.mark.parametrize(
    ("addresses", "url"),
    [
        ((), "http://localhost:3000/"),
        (("127.0.0.1",), "http://localhost:3000/"),
        (("10.0.0.2", "::1"), "http://localhost:3000/"),
        (("0.0.0.0",), "http://localhost:3000/"),
        (("10.0.0.2",), "http://10.0.0.2:3000/"),
        (("fd00::2",), "http://[fd00::2]:3000/"),
    ],
)
def test_a_url_reaches_the_server_from_this_machine(addresses: tuple[str, ...], url: str) -> None:
    assert url_of(3000, addresses) == url


def test_a_port_counts_once_however_it_is_used() -> None:
    marks = PortMarks()
    marks.mark(Port(7000), is_leased=True, is_listening=True)
    marks.mark(Port(7001), is_leased=True, is_listening=False)
    marks.mark(Port(7100), is_leased=False, is_listening=True)
    marks.mark(Port(7008), is_leased=True, is_listening=True)
    (use,) = marks.ranges(Catalogue((SMALL,)))
    assert (use.size, use.leased, use.listening, use.used) == (10, 2, 2, 3)


def test_what_is_known_of_a_port_is_replaced() -> None:
    marks = PortMarks()
    marks.mark(Port(7000), is_leased=True, is_listening=True)
    marks.mark(Port(7000), is_leased=False, is_listening=False)
    (use,) = marks.ranges(Catalogue((SMALL,)))
    assert use.used == 0


def test_a_range_that_is_nearly_full_is_named_with_what_helps() -> None:
    marks = PortMarks()
    for port in range(7000, 7008):
        marks.mark(Port(port), is_leased=True, is_listening=False)
    assert nearly_full(marks.ranges(Catalogue((SMALL,)))) == []
    marks.mark(Port(7100), is_leased=True, is_listening=False)
    (sentence,) = nearly_full(marks.ranges(Catalogue((SMALL,))))
    assert sentence.startswith("small (7000-7007, 7100-7101) has 1 of 10 ports left")
