"""Bounds on connections: the one that keeps the daemon waiting longest makes room."""

from __future__ import annotations

from styxy.server.net.connection_limit import Crowd


class Guest:
    """A connection that notes its end."""

    def __init__(self) -> None:
        self.is_gone = False

    def hang_up(self) -> None:
        """Be hung up on."""
        self.is_gone = True


def test_the_one_that_waits_longest_makes_room() -> None:
    crowd = Crowd(limit=2)
    first, second, third = Guest(), Guest(), Guest()
    assert crowd.admit(first)
    assert crowd.admit(second)
    assert crowd.admit(third)
    assert [guest.is_gone for guest in (first, second, third)] == [True, False, False]
    assert len(crowd) == 2


def test_whoever_is_answered_is_not_disturbed() -> None:
    crowd = Crowd(limit=2)
    busy, waiting, new = Guest(), Guest(), Guest()
    crowd.admit(busy)
    crowd.admit(waiting)
    crowd.work(busy)
    assert crowd.admit(new)
    assert (busy.is_gone, waiting.is_gone) == (False, True)


def test_a_full_house_of_busy_ones_turns_the_next_away() -> None:
    crowd = Crowd(limit=1)
    busy = Guest()
    crowd.admit(busy)
    crowd.work(busy)
    assert not crowd.admit(Guest())
    crowd.wait(busy)
    assert crowd.admit(Guest())


def test_whoever_left_takes_no_place() -> None:
    crowd = Crowd(limit=1)
    gone = Guest()
    crowd.admit(gone)
    crowd.leave(gone)
    crowd.wait(gone)
    assert len(crowd) == 0
    assert crowd.admit(Guest())
    assert not gone.is_gone
