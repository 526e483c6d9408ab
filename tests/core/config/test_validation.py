"""From the data of `config.json` to a configuration, or to every problem in it.

Also tests `problems`.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.config.configuration import BUILT_IN_RULES, AllocationRule, Configuration
from styxy.core.config.settings_table import SETTINGS
from styxy.core.config.validation import MOST_GUESSED, read_configuration
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.service_types import Catalogue
from tests.core.strategies import json_values

SPEC_EXAMPLE: dict[str, object] = {
    "listen_port": 9876,
    "cleanup_interval": 30,
    "service_types": {
        "custom": {
            "range": [9500, 9599],
            "preferred_ports": [9500],
            "description": "...",
            "instance_behavior": "single",
        }
    },
    "auto_allocation": {
        "enabled": True,
        "default_chunk_size": 10,
        "placement": "after",
        "min_port": 10000,
        "max_port": 49151,
        "preserve_gaps": True,
        "gap_size": 10,
        "require_confirmation": False,
    },
    "auto_allocation_rules": {
        "monitoring-*": {"chunk_size": 20, "placement": "smart", "preferred_range_start": 9000},
        "database-*": {"chunk_size": 5, "preferred_range_start": 5400},
    },
    "port_document": None,
}


def sentences(data: object) -> list[str]:
    """Every problem of the data, as a sentence."""
    return [str(problem) for problem in read_configuration(data).problems]


def test_nothing_at_all_is_the_built_in_configuration() -> None:
    reading = read_configuration({})
    assert reading.problems == ()
    assert reading.configuration == Configuration()


def test_the_example_of_the_product_is_in_order_and_says_the_defaults() -> None:
    reading = read_configuration(SPEC_EXAMPLE)
    assert reading.problems == ()
    (custom,) = reading.configuration.service_types
    assert (custom.ports, custom.preferred_ports) == (PortRange(Port(9500), Port(9599)), (9500,))
    assert custom.is_singleton
    assert reading.configuration == Configuration(service_types=(custom,))


def test_the_earlier_names_of_the_limits_are_spellings_of_ours() -> None:
    limits = {"autoAllocation": {"minPortNumber": 20000, "maxPortNumber": 20099}}
    reading = read_configuration(limits)
    assert reading.problems == ()
    auto = reading.configuration.auto_allocation
    assert (auto.min_port, auto.max_port) == (20000, 20099)


def test_each_layer_of_the_recovery_can_be_switched_off() -> None:
    layers = ("port_conflict", "health_monitoring", "system_recovery")
    reading = read_configuration({"recovery": {name: {"enabled": False} for name in layers}})
    assert reading.problems == ()
    recovery = reading.configuration.recovery
    assert not any(getattr(recovery, name).enabled for name in layers)


def test_both_spellings_mean_the_same() -> None:
    snake = read_configuration(SPEC_EXAMPLE)
    camel = read_configuration(
        {
            "listenPort": 9876,
            "serviceTypes": {
                "custom": {
                    "port_range": [9500, 9599],
                    "preferredPorts": [9500],
                    "description": "...",
                    "instanceBehavior": "single",
                }
            },
            "autoAllocation": {
                "enabled": True,
                "defaultChunkSize": 10,
                "minPort": 10000,
                "maxPort": 49151,
                "preserveGaps": True,
                "gapSize": 10,
                "requireConfirmation": False,
            },
            "autoAllocationRules": {"database-*": {"chunkSize": 5, "preferredRangeStart": 5400}},
        }
    )
    assert camel.problems == ()
    assert camel.configuration.service_types == snake.configuration.service_types
    assert camel.configuration.auto_allocation == snake.configuration.auto_allocation


def test_an_entry_merges_over_the_built_in_one_key_by_key() -> None:
    reading = read_configuration(
        {
            "service_types": {"dev": {"instance_behavior": "single"}},
            "auto_allocation": {"gap_size": 5},
            "recovery": {"health_monitoring": {"unbound_grace": 60}},
        }
    )
    assert reading.problems == ()
    (dev,) = reading.configuration.service_types
    built_in = Catalogue().get("dev")
    assert (dev.ports, dev.preferred_ports, dev.behavior) == (
        built_in.ports,
        built_in.preferred_ports,
        "single",
    )
    assert reading.configuration.auto_allocation.gap_size == 5
    assert reading.configuration.auto_allocation.max_port == 49151
    assert reading.configuration.recovery.health_monitoring.unbound_grace == 60.0
    assert reading.configuration.recovery.health_monitoring.max_failures == 3


def test_a_built_in_type_that_moves_leaves_its_preferred_ports_behind() -> None:
    reading = read_configuration({"service_types": {"dev": {"range": [3002, 3040]}}})
    assert reading.problems == ()
    assert reading.configuration.service_types[0].preferred_ports == (3002, 3003)


def test_the_rules_of_the_file_win_over_the_built_in_ones() -> None:
    reading = read_configuration(
        {"auto_allocation_rules": {"database-*": {"chunk_size": 7}, "*": {"placement": "smart"}}}
    )
    assert reading.problems == ()
    assert reading.configuration.auto_allocation_rules == (
        AllocationRule(pattern="database-*", chunk_size=7, preferred_range_start=Port(5400)),
        AllocationRule(pattern="*", placement="smart"),
        BUILT_IN_RULES[0],
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "the configuration must be an object, not []"),
        ({"listen_prot": 1}, "listen_prot is unknown; did you mean 'listen_port'?"),
        ({"auto_allocation": {"gap": 1}}, ".gap is unknown; did you mean 'gap_size'?"),
        ({"listen_port": "9876"}, 'listen_port must be a port from 1024 to 65535, not "9876"'),
        ({"listen_port": 80}, "listen_port must be a port from 1024 to 65535, not 80"),
        ({"listen_port": True}, "not true"),
        ({"listenPort": 2000, "listen_port": 2000}, "listen_port says listen_port a second time"),
        ({"cleanup_interval": 0}, "a number of seconds from 1 to 86400, not 0"),
        ({"enforce_ranges": 1}, "enforce_ranges must be true or false, not 1"),
        ({"port_document": "PORTS.md"}, "path of at most 4096 characters, or null, not"),
        ({"log_level": "loud"}, "log_level must be one of debug, info, warning, error"),
        ({"service_types": []}, "service_types must be an object, not []"),
        ({"service_types": {"x": 5}}, "service_types.x must be an object, not 5"),
        ({"service_types": {"x": {}}}, "service_types.x is a new service type and needs a range"),
        ({"service_types": {"A b": {"range": [9500, 9510]}}}, "is no name for a service type"),
        ({"service_types": {"-a": {"range": [9500, 9510]}}}, "service_types.-a is no name"),
        ({"service_types": {"x" * 51: {"range": [9500, 9510]}}}, "1 to 50"),
        ({"service_types": {"x": {"range": [9510, 9500]}}}, "must begin before it ends"),
        ({"service_types": {"x": {"range": [9500, 70000]}}}, "ports from 1024 to 65535, not 70000"),
        ({"service_types": {"x": {"range": [0, 9500]}}}, "ports from 1024 to 65535, not 0"),
        ({"service_types": {"x": {"range": "9500-9510"}}}, 'a range [first port, last port]'),
        ({"service_types": {"x": {"range": [9500]}}}, "must be a range"),
        (
            {"service_types": {"x": {"port_range": [3050, 3060]}}},
            "service_types.x.port_range 3050-3060 overlaps dev 3000-3099",
        ),
        (
            {"service_types": {"x": {"range": [2000, 2010]}, "y": {"range": [2010, 2020]}}},
            "service_types.y.range 2010-2020 overlaps x 2000-2010",
        ),
        (
            {"service_types": {"dev": {"range": [3000, 3150]}}},
            "service_types.dev.range 3000-3150 overlaps monitoring 3100-3199",
        ),
        (
            {"service_types": {"x": {"range": [2000, 2010], "additional_ranges": [[2005, 2020]]}}},
            "overlaps its own",
        ),
        (
            {"service_types": {"x": {"range": [9500, 9510], "preferred_ports": [9511]}}},
            "service_types.x.preferred_ports names 9511, which lies outside 9500-9510",
        ),
        (
            {"service_types": {"dev": {"preferred_ports": [3000, "a"]}}},
            'must be a list of ports; "a" does not belong there',
        ),
        (
            {"service_types": {"x": {"range": [9500, 9510], "additional_ranges": [[1], 2]}}},
            "a list of 1 does not belong there",
        ),
        ({"service_types": {"x": {"range": [9500]}}}, "last port], not a list of 1"),
        (
            {"service_types": {"x": {"range": [9500, 9510], "instance_behavior": "one"}}},
            "one of multi, single",
        ),
        (
            {"auto_allocation": {"min_port": 20000, "max_port": 19999}},
            "auto_allocation.max_port 19999 lies below min_port, which is 20000",
        ),
        ({"auto_allocation": {"placement": "near"}}, "one of after, before, smart"),
        ({"auto_allocation_rules": {"x y": {}}}, "is no pattern"),
        ({"programs": {"x y": {}}}, "is no name of a program"),
        ({"programs": {"vite": {"on_conflict": "jump"}}}, "must be one of move, steer"),
        ({"recovery": {"port_conflict": None}}, "must be an object, not null"),
    ],
)  # fmt: skip
def test_a_problem_names_its_key_and_what_would_be_right(data: object, words: str) -> None:
    found = sentences(data)
    assert len(found) == 1
    assert words in found[0]


def test_every_problem_is_named_at_once() -> None:
    assert len(sentences({"a": 1, "b": 2, "service_types": {"x": {}, "y": {"range": 5}}})) == 4


def test_only_the_first_of_thousands_of_unknown_keys_get_a_guess() -> None:
    problems = read_configuration(
        {f"cleanup_interva{number}": 1 for number in range(3000)}
    ).problems
    assert len(problems) == 3000
    guesses = [each for each in problems if "did you mean" in each.sentence]
    assert guesses == list(problems[:MOST_GUESSED])


def test_a_comment_is_no_key() -> None:
    assert sentences({"//": "mine", "service_types": {"// dev": 5}}) == []


some_types = st.dictionaries(
    st.sampled_from(["dev", "api", "x", "y-1", "z"]),
    st.fixed_dictionaries(
        {},
        optional={
            "range": st.lists(st.integers(0, 70000), min_size=2, max_size=2),
            "additional_ranges": st.lists(
                st.lists(st.integers(1024, 65535), min_size=2, max_size=2), max_size=3
            ),
            "preferred_ports": st.lists(st.integers(1, 70000), max_size=3),
            "instance_behavior": st.sampled_from(["multi", "single", "x"]),
        },
    ),
)
spelled = [each.name for each in SETTINGS] + ["//", "x"]


def likely(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Objects whose keys are those of settings."""
    return st.dictionaries(st.sampled_from(spelled), values, max_size=5)


@given(
    json_values
    | likely(likely(likely(json_values) | json_values) | json_values)
    | st.fixed_dictionaries({"service_types": some_types})
)
def test_whatever_json_holds_is_a_configuration_or_problems(data: object) -> None:
    reading = read_configuration(data)
    if reading.problems:
        assert all(str(problem) and "\n" not in str(problem) for problem in reading.problems)
        return
    types = list(Catalogue().extended(reading.configuration.service_types))
    ranges = [(kind.name, span) for kind in types for span in kind.ranges]
    for position, (_, one) in enumerate(ranges):
        assert not any(one.overlaps(two) for _, two in ranges[position + 1 :])
    assert all(kind.holds(port) for kind in types for port in kind.preferred_ports)


def test_a_program_is_moved_or_steered_as_the_user_says() -> None:
    programs = {"vite": {"on_conflict": "move"}, "@scope/My.Tool": {"onConflict": "steer"}}
    configuration = read_configuration({"programs": programs}).configuration
    said = [configuration.on_conflict(name) for name in ("vite", "Vite", "@scope/my.tool", "next")]
    assert said == ["move", "move", "steer", None]
