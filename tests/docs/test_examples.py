"""Type every example of every page into a shell, against a daemon of the test's own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.docs.output_matching import OutputMatcher
from tests.docs.pages import PAGES, ROOT, Section, sections, text_of
from tests.docs.terminal import Terminal

pytestmark = pytest.mark.slow

FIRST_PAGES = (
    "docs/getting-started.md",
    "docs/worktrees.md",
    "docs/test-suites.md",
    "docs/names.md",
    "docs/usage.md",
    "docs/interception.md",
)
"""What a newcomer reads; the other pages are tried by `make test-slow`."""

RUNNABLE = [
    pytest.param(each, marks=[] if page in FIRST_PAGES else [pytest.mark.slow])
    for page in PAGES
    for each in sections(page)
    if each.examples and each.title
]


def shown(section: Section) -> str:
    """The name of a test case."""
    return f"{Path(section.page).stem}: {section.title}"


@pytest.mark.parametrize("section", RUNNABLE, ids=shown)
def test_each_example_says_what_the_page_says(section: Section, tmp_path: Path) -> None:
    needed = {word for each in section.examples for word in re.findall(r"\bcurl\b", each.command)}
    for program in needed:
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}")
    with Terminal(tmp_path.resolve() / "ada", section) as terminal:
        for example in section.examples:
            wrong = terminal.type(example.command, example.said)
            place = f"{section.page}:{example.line}: $ {example.command}"
            assert wrong is None, "\n".join([place, *example.said, "--- but said:", wrong])


def test_each_page_with_an_example_is_tried() -> None:
    pages = (f"docs/{path.name}" for path in Path(ROOT, "docs").glob("*.md"))
    assert [page for page in pages if "```console" in text_of(page) and page not in PAGES] == []


@pytest.mark.parametrize("page", PAGES)
def test_each_block_is_of_a_known_kind(page: str) -> None:
    kinds = re.findall(r"^```(\w*)\n(?:.*\n)*?```$", text_of(page), re.MULTILINE)
    assert set(kinds) <= {"console", "text"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["3000-3099 is full"], ["3000-3099 is full"]),
        (["since 2026-01-31 12:00:00"], ["since 2027-02-01 00:00:01"]),
        (["port 3000, pid 4711"], ["port 3000, pid 3000"]),
        (["a   b"], ["a b"]),
        (["a ..."], ["a b c"]),
        (["a ... d 3000"], ["a b c d 3000"]),
        (["a", "...", "d"], ["a", "b", "c", "d"]),
        (['{"port": 3000, "...": "..."}'], ['{"port":3000,"a":[]}']),
        (['{"at": 1.5}'], ['{"at":2}']),
    ],
)
def test_what_corresponds_agrees(written: list[str], said: list[str]) -> None:
    assert OutputMatcher("/home/ada").agrees(written, said)
    assert OutputMatcher("/home/ada", is_exact=False).agrees(written, said)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["3000"], ["3002"]),
        (["port 3000 of 3000"], ["port 3002 of 3002"]),
        (
            ["8000 was in use, auto-assigned port 3001"],
            ["8000 was in use, auto-assigned port 8001"],
        ),
        (["11510 of 11510-11519"], ["11530 of 11530-11539"]),
        (["port 3000, pid 4711"], ["port 3002, pid 3002"]),
        (['{"port": 3000, "...": "..."}'], ['{"port":3002,"a":[]}']),
    ],
)
def test_another_port_agrees_only_where_ports_may_be_taken(
    written: list[str], said: list[str]
) -> None:
    assert not OutputMatcher("/home/ada").agrees(written, said)
    assert OutputMatcher("/home/ada", is_exact=False).agrees(written, said)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["free"], ["taken"]),
        (["port 3000 of 3000"], ["port 3002 of 3003"]),
        (["3000 and 3001"], ["3002 and 3002"]),
        (["4711 and 4712"], ["3002 and 3002"]),
        (["3000 of 3000-3099"], ["3001 of 3000-3098"]),
        (["2 leases"], ["3 leases"]),
        (["a"], ["a", "b"]),
        (['{"port": 3000}'], ['{"port":3002,"more":1}']),
        (['{"port": 3000}'], ['{"port":"3002"}']),
    ],
)
def test_what_differs_does_not_agree(written: list[str], said: list[str]) -> None:
    assert not OutputMatcher("/home/ada").agrees(written, said)
    assert not OutputMatcher("/home/ada", is_exact=False).agrees(written, said)


def test_a_name_that_is_given_stands_for_what_it_was_given() -> None:
    matcher = OutputMatcher("/home/ada")
    matcher.name("9876", "21000")
    assert matcher.agrees(["port 9876"], ["port 21000"])
    assert not matcher.agrees(["port 9876"], ["port 9876"])
