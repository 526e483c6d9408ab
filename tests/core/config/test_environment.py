"""The values of Styxy's variables: each kind takes what it says, and no more."""

from __future__ import annotations

import pytest

from styxy.core.config.environment import (
    SWITCH_WORDS,
    VARIABLES,
    Variable,
    problem,
    problems,
    switch,
)
from styxy.core.config.settings_table import BY_PATH
from styxy.core.config.validation import convert
from styxy.core.errors import InvalidInput

BY_NAME = {each.name: each for each in VARIABLES}


def no_types() -> list[str]:
    """Stand for a daemon that must not be asked."""
    raise AssertionError


@pytest.mark.parametrize(("word", "means"), SWITCH_WORDS.items())
def test_a_switch_takes_its_words_in_any_case(word: str, *, means: bool) -> None:
    for value in (word, word.upper(), word.title()):
        assert switch(value) is means


@pytest.mark.parametrize(
    "value", [None, "", "2", "maybe", " 1", "tru", "trues", "\u0131", "o\u017ff"]
)
def test_what_means_nothing_is_neither_on_nor_off(value: str | None) -> None:
    assert switch(value) is None


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("STYXY_DISABLE_REASSIGN", "yes", "maybe"),
        ("STYXY_VIRTUAL_LOCALHOST", "off", "none"),
        ("STYXY_SKIP_AUTH", "true", "2"),
        ("STYXY_SHOW_FULL_KEY", "on", "all"),
        ("STYXY_NOTIFY", "stderr", "bogus"),
        ("STYXY_STATIC", "leave", "no"),
        ("STYXY_SIBLINGS", "allow", "all"),
        ("STYXY_SIBLINGS_ALLOW", "8000, 8001", "8000-8001"),
        ("STYXY_OWN_ONLY", "3000,3001", "3000;3001"),
        ("STYXY_DAEMON_PORT", "9877", "80"),
        ("STYXY_DAEMON_HOST", "::1", "0.0.0.0"),
        ("STYXY_LOG_LEVEL", "DEBUG", "verbose"),
        ("STYXY_SERVICE_TYPE", "dev", "a b"),
        ("STYXY_INSTANCE_ID", "agent-1", "agent 1"),
        ("CLAUDE_INSTANCE_ID", "agent-1", "agent/1"),
    ],
)
def test_what_means_nothing_is_said_in_one_sentence(name: str, good: str, bad: str) -> None:
    assert problems({name: good}, types=no_types) == []
    assert problems({name: ""}, types=no_types) == []
    (said,) = problems({name: bad}, types=no_types)
    assert said.startswith(f"{name} must be ")
    assert said.endswith(f"not {bad!r}; correct or unset it")


def test_a_service_type_that_does_not_exist_is_said() -> None:
    asked = {"STYXY_SERVICE_TYPE": "grafanna"}
    (said,) = problems(asked, types=lambda: ["dev", "grafana"])
    assert said == "STYXY_SERVICE_TYPE names no service type: 'grafanna'; did you mean 'grafana'?"
    assert problems({"STYXY_SERVICE_TYPE": "grafana"}, types=lambda: ["grafana"]) == []
    assert problems(asked, types=list) == [], "nobody knows which there are"


@pytest.mark.parametrize(
    "value",
    ["80", "1024", "65535", "65536", "abc", "9" * 40, "debug", "loud", "localhost", "127.0.0.1",
     "::1", "10.0.0.1"],
)  # fmt: skip
@pytest.mark.parametrize("variable", [each for each in VARIABLES if each.setting])
def test_it_agrees_with_the_validator_of_the_settings(variable: Variable, value: str) -> None:
    assert variable.setting is not None
    said = int(value) if value.isdigit() and variable.setting == "listen_port" else value
    try:
        convert(BY_PATH[variable.setting], said)
    except InvalidInput:
        assert problem(variable, value) is not None
    else:
        assert problem(variable, value) is None
