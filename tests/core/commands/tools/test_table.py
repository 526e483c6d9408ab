"""The table of tools: each row can be read, means something, and names what there is.

Covers the rows themselves: `frontends`, `backends`, `stores` and `platforms`.
"""

from __future__ import annotations

import pytest

from styxy.core.commands.conduct import WHO
from styxy.core.commands.tools.launchers import launchers
from styxy.core.commands.tools.table import Tool, tools, tools_by_name
from styxy.core.model.service_types import Catalogue

SERVICE_TYPES = {each.name for each in Catalogue()} | {"-"}
SOURCE_MARKS = ("-", "$", "~$", "#", "=", "@", "?", ":")


def means_something(tool: Tool) -> bool:
    """Whether each cell of a row is one that the code can follow."""
    return bool(
        tool.names
        and tool.service_type in SERVICE_TYPES
        and (tool.port is None or 0 < tool.port < 65536)
        and all(each.startswith(SOURCE_MARKS) for each in tool.sources)
        and len(set(tool.wanted)) == len(tool.wanted)
    )


def test_each_row_means_something() -> None:
    assert [tool for tool in tools() if not means_something(tool)] == []


def test_who_looks_from_outside_is_told_by_a_flag_of_the_tool() -> None:
    told = [(tool.outside.partition(" "), tool.sources) for tool in tools() if tool.outside]
    assert {who for (who, _, _), _ in told} == WHO.keys()
    assert all(flag in sources for (_, _, flag), sources in told)


def test_no_row_is_hidden_by_one_before_it() -> None:
    hidden = [
        f"{name}: row {place}"
        for name, rows in tools_by_name().items()
        for place, row in enumerate(rows)
        if any(not before.wanted and not before.refused for before in rows[:place])
        or any(
            set(row.wanted) and set(row.wanted) <= set(before.wanted) and not before.refused
            for before in rows[:place]
        )
    ]
    assert hidden == []


def test_many_tools_are_known() -> None:
    assert len(tools_by_name()) >= 150


@pytest.mark.parametrize(
    ("name", "conflict", "explicit"),
    [
        ("next", "steps", "fails"),
        ("uvicorn", "unknown", "unknown"),
        ("mkdocs", "fails", "fails"),
        ("adb", "shared", "shared"),
        ("docusaurus", "asks", "asks"),
        ("storybook", "asks", "asks"),
        ("jupyter", "steps", "steps"),
    ],
)
def test_what_a_tool_does_on_a_taken_port_is_in_its_row(
    name: str, conflict: str, explicit: str
) -> None:
    row = next(each for each in tools_by_name()[name] if each.service_type != "-")
    assert (row.conflict, row.explicit_conflict) == (conflict, explicit)


def test_no_launcher_is_a_tool_without_a_word_that_tells_them_apart() -> None:
    both = set(launchers()) & set(tools_by_name())
    for name in both:
        rows = launchers()[name]
        assert all(row.subcommands or row.text_flags or row.rest != "command" for row in rows), name
