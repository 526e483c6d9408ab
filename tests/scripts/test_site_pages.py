"""The site has each page of docs/ once, whatever mkdocs.yml names."""

from __future__ import annotations

from scripts.site_pages import Item, navigation

NAMED: list[Item] = [{"Home": "index.md"}, {"Begin": ["first.md", "later.md"]}, {"Gone": ["no.md"]}]


def test_what_is_not_there_is_left_out() -> None:
    assert navigation(NAMED, {"index.md", "first.md"}) == [
        {"Home": "index.md"},
        {"Begin": ["first.md"]},
    ]


def test_what_is_not_named_comes_last() -> None:
    there = {"index.md", "first.md", "later.md", "new.md", "another.md"}
    assert navigation(NAMED, there) == [*NAMED[:2], "another.md", "new.md"]


def test_without_names_all_pages_are_listed() -> None:
    assert navigation([], {"b.md", "a.md"}) == ["a.md", "b.md"]
