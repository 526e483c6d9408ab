"""Every operation against its own description, with data that fit it and data that do not.

Over TCP, against a real daemon: no 5xx, no trace, every answer and every error in its documented
shape. The data are the same in each run, so that a failure comes back until it is mended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance

from styxy.server.http.app import ROUTES
from styxy.server.http.openapi import document
from tests.daemon import Daemon

pytestmark = pytest.mark.slow

EXAMPLES = 15

CASES = [
    pytest.param(route.method, route.path, mode, id=f"{route.method}-{route.path}-{mode.value}")
    for route in ROUTES
    if "text/event-stream" not in route.media
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # What takes nothing, not even a token, cannot be asked wrongly.
    if mode is GenerationMode.POSITIVE or route.query or route.body or not route.is_open
]

BEYOND_THE_SCHEMA = {
    ("POST", "/allocate"): "a pid must be alive, a type needs a good name; 3000.0 is no integer",
    ("POST", "/reassign"): "a pid must be alive; 3000.0 is no integer",
    ("POST", "/stop"): "3000.0 is no integer",
    ("GET", "/scan"): "a range must not end before it begins",
    ("GET", "/audit"): "a time may be said in two ways",
    ("POST", "/instance/register"): "a template must exist, a pid must be alive",
    ("POST", "/register-instance"): "who registers must have an id or a pid that is alive",
    ("PATCH", "/config"): "settings have a table and rules of their own",
    ("DELETE", "/auto-allocation/{service_type}"): "only a made type can be taken back",
}
"""Operations that may refuse with 400 what fits their schema, and why."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("fuzz") / "home") as daemon:
        yield daemon
        assert daemon.call("GET", "/health").body["parts"]["journal"]["state"] == "ok"


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon for those operations that change how a daemon behaves."""
    with Daemon(tmp_path_factory.mktemp("fuzz-config") / "home") as daemon:
        yield daemon
        assert daemon.call("GET", "/status").status == 200


@pytest.fixture(scope="module")
def schema() -> Any:
    return schemathesis.openapi.from_dict(document(ROUTES))


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_every_operation_answers_as_it_is_described(
    request: pytest.FixtureRequest, schema: Any, method: str, path: str, mode: GenerationMode
) -> None:
    changes_itself = path.startswith(("/config", "/auto-allocation"))
    daemon: Daemon = request.getfixturevalue("configured" if changes_itself else "target")
    operation = schema[path][method]
    excluded = [positive_data_acceptance] if (method, path) in BEYOND_THE_SCHEMA else []
    headers = {"Authorization": f"Bearer {daemon.token}"}
    has_input = operation.body or operation.path_parameters or operation.query
    with closing(requests.Session()) as session:

        @settings(
            max_examples=EXAMPLES if has_input else 3,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: schemathesis.Case[Any]) -> None:
            base = f"http://127.0.0.1:{daemon.port}"
            answer = case.call(base_url=base, headers=headers, session=session, timeout=10)
            case.validate_response(answer, headers=headers, excluded_checks=excluded)
            if answer.status_code >= 400:
                said = answer.json()
                assert said.keys() == {"success", "error", "code", "context"}
                assert "Traceback" not in said["error"]

        check()
