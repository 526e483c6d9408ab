"""Bounds on connections: the one that keeps the daemon waiting longest makes room."""

from __future__ import annotations

from styxy.server.net.connection_limit import ConnectionLimit


class Guest:
    """A connection that notes its end."""

    def __init__(self) -> None:
        self.is_gone = False

    def hang_up(self) -> None:
        """Be hung up on."""
        self.is_gone = True


def test_the_one_that_waits_longest_makes_room() -> None:
    limit = ConnectionLimit(limit=2)
    first, second, third = Guest(), Guest(), Guest()
    assert limit.admit(first)
    assert limit.admit(second)
    assert limit.admit(third)
    assert [guest.is_gone for guest in (first, second, third)] == [True, False, False]
    assert len(limit) == 2


def test_whoever_is_answered_is_not_disturbed() -> None:
    limit = ConnectionLimit(limit=2)
    busy, waiting, new = Guest(), Guest(), Guest()
    limit.admit(busy)
    limit.admit(waiting)
    limit.work(busy)
    assert limit.admit(new)
    assert (busy.is_gone, waiting.is_gone) == (False, True)


def test_a_full_house_of_busy_ones_turns_the_next_away() -> None:
    limit = ConnectionLimit(limit=1)
    busy = Guest()
    limit.admit(busy)
    limit.work(busy)
    assert not limit.admit(Guest())
    limit.wait(busy)
    assert limit.admit(Guest())


def test_whoever_left_takes_no_place() -> None:
    limit = ConnectionLimit(limit=1)
    gone = Guest()
    limit.admit(gone)
    limit.leave(gone)
    limit.wait(gone)
    assert len(limit) == 0
    assert limit.admit(Guest())
    assert not gone.is_gone


def test_strangers_take_room_from_each_other_and_not_from_us() -> None:
    limit = ConnectionLimit(limit=10, strangers=3, of_one_stranger=2)
    ours = [Guest() for _ in range(7)]
    assert all(limit.admit(each) for each in ours)
    first, second, third = Guest(), Guest(), Guest()
    assert all(limit.admit(each, stranger=1) for each in (first, second, third))
    assert [each.is_gone for each in (first, second, third)] == [True, False, False]
    others = [Guest(), Guest()]
    assert all(limit.admit(each, stranger=2) for each in others)
    assert second.is_gone
    assert not any(each.is_gone for each in (*ours, third, *others))


def test_a_stranger_whose_every_connection_is_served_gets_no_more() -> None:
    limit = ConnectionLimit(limit=10, strangers=3, of_one_stranger=1)
    busy = Guest()
    assert limit.admit(busy, stranger=1)
    limit.work(busy)
    assert not limit.admit(Guest(), stranger=1)
    assert limit.admit(Guest(), stranger=2)
    assert not busy.is_gone


def test_where_too_much_is_kept_the_one_with_the_most_goes() -> None:
    limit = ConnectionLimit(held=100)
    small, large = Guest(), Guest()
    limit.admit(small)
    limit.admit(large)
    limit.hold(small, 40)
    limit.hold(large, 60)
    assert not large.is_gone
    limit.hold(small, 41)
    assert (small.is_gone, large.is_gone) == (False, True)
    assert limit.held == 41
    limit.hold(small, 0)
    assert limit.held == 0


def test_a_stranger_takes_no_place_of_ours_where_all_are_taken() -> None:
    limit = ConnectionLimit(limit=3, strangers=2, of_one_stranger=2)
    ours, stranger = [Guest(), Guest()], Guest()
    assert all(limit.admit(each) for each in ours)
    assert limit.admit(stranger, stranger=1)
    assert limit.admit(Guest(), stranger=2)
    assert stranger.is_gone
    more = Guest()
    assert limit.admit(more)
    assert not any(each.is_gone for each in (ours[1], more))
    full = ConnectionLimit(limit=2)
    assert all(full.admit(each) for each in ours)
    assert not full.admit(Guest(), stranger=1)
    assert not ours[1].is_gone
