"""What may name a service type, and what names an instance."""

from __future__ import annotations

import pytest

from styxy.core.errors import InvalidInput
from styxy.core.names import check_name, instance_of, own_instance


def test_a_name_is_lowered() -> None:
    assert check_name("Grafana-2") == "grafana-2"


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "ä", "x" * 51, "a\n", "../etc", "\udcff"])
def test_what_cannot_name_a_type_is_refused_with_what_could(name: str) -> None:
    with pytest.raises(
        InvalidInput, match="use 1 to 50 characters from a-z, 0-9 and '-', not starting with '-'"
    ) as no:
        check_name(name)
    assert no.value.message.isprintable()


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({}, None),
        ({"CLAUDE_INSTANCE_ID": "b"}, "b"),
        ({"STYXY_INSTANCE_ID": "a", "CLAUDE_INSTANCE_ID": "b"}, "a"),
        ({"STYXY_INSTANCE_ID": "", "CLAUDE_INSTANCE_ID": "b"}, "b"),
        ({"STYXY_INSTANCE_ID": ""}, None),
    ],
)
def test_the_first_variable_that_says_something_names_the_instance(
    env: dict[str, str], name: str | None
) -> None:
    assert instance_of(env) == name
    assert own_instance(env) == name


@pytest.mark.parametrize("variable", ["STYXY_INSTANCE_ID", "CLAUDE_INSTANCE_ID"])
@pytest.mark.parametrize("name", ["a b", "a\n", "ä", "x" * 101])
def test_a_variable_that_cannot_name_an_instance_is_named(variable: str, name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{variable} must be 1 to 100 characters from") as no:
        own_instance({variable: name})
    assert no.value.message.isprintable()
