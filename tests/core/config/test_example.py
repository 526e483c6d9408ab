"""The example of `config.json`."""

from __future__ import annotations

import pytest

from styxy.core.config.configuration import Configuration
from styxy.core.config.example import SAMPLE_TYPE, example
from styxy.core.config.patch import spelled
from styxy.core.config.settings_table import SETTINGS, Setting
from styxy.core.config.validation import read_configuration, read_text


def test_the_example_is_in_order_and_changes_nothing() -> None:
    reading = read_text(spelled(example()))
    assert reading.problems == ()
    assert reading.configuration == Configuration()


@pytest.mark.parametrize(
    "setting", [each for each in SETTINGS if each.name != "*"], ids=lambda each: each.path
)
def test_the_example_explains_every_setting(setting: Setting) -> None:
    assert f'"// {setting.name}": "{setting.meaning}' in spelled(example())


def test_the_sample_type_of_the_example_is_in_order() -> None:
    assert read_configuration({"service_types": {"custom": SAMPLE_TYPE}}).problems == ()
