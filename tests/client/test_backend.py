"""Which backend a command is given, and what is said of it."""

from __future__ import annotations

import pytest

from styxy.client.backend import clears_environment


@pytest.mark.parametrize(
    ("words", "clears"),
    [
        (["env", "-i", "server"], True),
        (["/usr/bin/env", "-", "server"], True),
        (["env", "--ignore-environment", "server"], True),
        (["env", "-vi", "A=1", "server"], True),
        (["env", "A=1", "server", "-i"], False),
        (["env", "server", "-i"], False),
        (["env"], False),
        (["server", "-i"], False),
    ],
)
def test_env_is_known_to_clear_the_environment(words: list[str], *, clears: bool) -> None:
    assert clears_environment(words) == clears
