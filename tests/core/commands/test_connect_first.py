"""The names of the tools that connect first, as the map's header carries them."""

from __future__ import annotations

from styxy.adapters.portmap.layout import CONNECT_FIRST_SIZE
from styxy.core.commands.connect_first import CONNECT_FIRST


def test_every_name_has_room_in_the_map() -> None:
    assert sum(len(f"{name}\n") for name in CONNECT_FIRST) < CONNECT_FIRST_SIZE


def test_every_name_is_one_word_and_there_once() -> None:
    assert len(set(CONNECT_FIRST)) == len(CONNECT_FIRST)
    assert all(name == "".join(name.split()) for name in CONNECT_FIRST)


def test_the_tools_that_are_known_to_take_any_answer_for_theirs_are_there() -> None:
    assert {"start-server-and-test", "playwright", "cherrypy"} <= {*CONNECT_FIRST}


def test_the_tools_that_look_whether_their_port_is_free_are_marked() -> None:
    assert {"?browser-sync", "?lite-server"} <= {*CONNECT_FIRST}
