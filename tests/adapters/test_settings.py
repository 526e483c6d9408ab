"""Settings: what the environment and the command line say, read and checked."""

from __future__ import annotations

import pytest

from styxy.adapters.settings import load_settings
from styxy.core.errors import InvalidInput


def test_without_a_word_the_daemon_is_where_everybody_looks() -> None:
    settings = load_settings({})
    assert settings.listen_port == 9876
    assert settings.hosts == ("127.0.0.1", "::1")
    assert settings.requires_token


@pytest.mark.parametrize(
    ("env", "port", "chosen"),
    [
        ({"STYXY_DAEMON_PORT": "1024"}, None, 1024),
        ({"STYXY_DAEMON_PORT": "65535"}, None, 65535),
        ({"STYXY_DAEMON_PORT": "7000"}, 7001, 7001),
        ({"STYXY_DAEMON_PORT": "rubbish"}, 7001, 7001),
        ({}, 7001, 7001),
    ],
)
def test_an_option_wins_over_the_environment(
    env: dict[str, str], port: int | None, chosen: int
) -> None:
    assert load_settings(env, port=port).listen_port == chosen


@pytest.mark.parametrize(
    "text", ["", "0", "1023", "65536", "-1", "80x", "0x1f90", "3.5", "²", "9" * 5000]
)
def test_a_port_that_cannot_be_is_refused_with_the_name_of_its_variable(text: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"^STYXY_DAEMON_PORT must be a port from 1024.*; correct or unset it$"
    ):
        load_settings({"STYXY_DAEMON_PORT": text})


@pytest.mark.parametrize("env", [{}, {"STYXY_DAEMON_PORT": "7000"}])
@pytest.mark.parametrize("port", [0, 80, 65536, -1])
def test_an_option_that_cannot_be_is_refused_with_its_name(env: dict[str, str], port: int) -> None:
    with pytest.raises(InvalidInput, match=r"^--port must be"):
        load_settings(env, port=port)


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        ("localhost", ("127.0.0.1", "::1")),
        ("127.0.0.1", ("127.0.0.1",)),
        ("::1", ("::1",)),
    ],
)
def test_the_host_is_on_loopback(host: str, hosts: tuple[str, ...]) -> None:
    assert load_settings({"STYXY_DAEMON_HOST": host}).hosts == hosts


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
def test_any_other_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidInput, match="STYXY_DAEMON_HOST must be a loopback address"):
        load_settings({"STYXY_DAEMON_HOST": host})


@pytest.mark.parametrize("word", ["1", "true", "yes", "on"])
def test_the_token_is_skipped_only_where_the_daemon_was_told_twice(word: str) -> None:
    with pytest.raises(InvalidInput, match="--insecure-no-auth"):
        load_settings({"STYXY_SKIP_AUTH": word})
    assert not load_settings({"STYXY_SKIP_AUTH": word}, insecure=True).requires_token
    assert load_settings({}, insecure=True).requires_token
    assert load_settings({"STYXY_SKIP_AUTH": "0"}, insecure=True).requires_token


def test_keys_are_shown_in_full_only_on_request() -> None:
    for word in ("1", "true", "yes", "on"):
        assert load_settings({"STYXY_SHOW_FULL_KEY": word}).loggable("abcdefghijkl") == (
            "abcdefghijkl"
        )
    assert load_settings({"STYXY_SHOW_FULL_KEY": "0"}).loggable("abcdefghijkl") == "abcd***ijkl"
