"""The one table and what is derived from it: complete, consistent, and its examples work."""

from __future__ import annotations

import os
import re
from typing import Any

import msgspec
import pytest

from styxy.core.errors import all_errors
from styxy.server.http.app import OPEN_OPERATIONS, ROUTES, UNCOUNTED_PATHS
from styxy.server.http.openapi import PATH_PARAMETERS, STATUSES, document, statuses
from styxy.server.http.routes.call import Route
from styxy.server.page.files import FILES
from tests.daemon import Daemon

IDS = [f"{route.method} {route.path}" for route in ROUTES]


def operation_of(route: Route) -> dict[str, Any]:
    """Find what the document says of a route."""
    paths: Any = document(ROUTES)["paths"]
    operation = paths[route.path][route.method.lower()]
    assert isinstance(operation, dict)
    return operation


def test_no_operation_is_there_twice() -> None:
    assert len(set(IDS)) == len(IDS)
    names = [route.handler.__name__ for route in ROUTES]
    assert len(set(names)) == len(names), "operationId must be unique"


def test_what_is_open_and_what_is_not_counted() -> None:
    operations = {("GET", "/status"), ("POST", "/page/session")}
    assert operations | {("GET", path) for path in FILES} == OPEN_OPERATIONS
    assert frozenset({"/status", "/health", "/metrics"}) == UNCOUNTED_PATHS


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_every_part_of_a_path_has_its_type(route: Route) -> None:
    names = re.findall(r"{(\w+)}", route.path)
    said = [each["name"] for each in operation_of(route)["parameters"] if each["in"] == "path"]
    assert said == names
    assert set(names) <= PATH_PARAMETERS.keys()


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_every_status_of_an_operation_is_described(route: Route) -> None:
    answers = operation_of(route)["responses"]
    assert {"200", *map(str, statuses(route))} == answers.keys()
    assert route.is_open == ("401" not in answers)
    for status, answer in answers.items():
        assert answer["description"]
        if status != "200":
            schema = answer["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}


def test_every_status_that_an_error_has_is_described() -> None:
    raised = {kind.status_hint for kind in all_errors()} - {500, 405}
    assert raised == STATUSES.keys()


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_every_answer_has_a_shape(route: Route) -> None:
    if route.takes_any_body:
        return  # a hook prints what its agent reads, or nothing at all
    assert route.answer is not None or route.media or route.path == "/openapi.json"
    content = operation_of(route)["responses"]["200"]["content"]
    wanted = {"application/json"} if route.answer or not route.media else set()
    assert content.keys() == {*route.media, *wanted}


@pytest.mark.parametrize(
    "route", [each for each in ROUTES if each.body], ids=lambda each: each.path
)
def test_every_body_has_an_example_that_fits_it(route: Route) -> None:
    assert route.example_body is not None
    assert route.body is not None
    msgspec.convert(dict(route.example_body), route.body)


NAMING_WHAT_IS_NOT_HERE = frozenset({"/page/session", "/stop", "/output/{port}"})
"""Paths whose examples name a code, a session or a server; tests/server/page has them."""


@pytest.mark.parametrize(
    "route", [each for each in ROUTES if each.answer], ids=lambda each: f"{each.method} {each.path}"
)
def test_every_example_works(daemon: Daemon, route: Route) -> None:
    lock_id = daemon.allocate("build")["lock_id"]
    daemon.call("POST", "/instance/register", {"instance_id": "agent-1"})
    made = daemon.call("POST", "/allocate", {"service_type": "made-up"})
    assert made.status == 200
    examples = {name: example for name, (_, example) in PATH_PARAMETERS.items()}
    values = examples | {"lock_id": lock_id}
    if "auto-allocation" in route.path:
        daemon.call("DELETE", f"/allocate/{made.body['lock_id']}")
        values["service_type"] = "made-up"
    path = route.example or re.sub(r"{(\w+)}", lambda name: values[name[1]], route.path)
    if path == "/metrics":
        return
    body = dict(route.example_body or {})
    if "pid" in body:
        body["pid"] = os.getpid()  # the example's is of no process here
    answer = daemon.call(route.method, path, body or None)
    expected = {200} if route.path not in NAMING_WHAT_IS_NOT_HERE else {200, *route.errors}
    assert answer.status in expected, answer


def test_a_pattern_ends_as_in_ecma_262() -> None:
    said = msgspec.json.encode(document(ROUTES)).decode()
    patterns = re.findall(r'"pattern":"([^"]*)"', said)
    assert len(patterns) > 5
    assert {pattern[-1] for pattern in patterns} == {"$"}
